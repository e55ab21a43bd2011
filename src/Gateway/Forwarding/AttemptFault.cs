using System.Net.Sockets;
using WorkerMesh.Gateway.Hosting;
using Yarp.ReverseProxy.Forwarder;

namespace WorkerMesh.Gateway.Forwarding;

/// <summary>Where an attempt failed, as far as it matters for what may be done next.</summary>
internal enum AttemptFault
{
    /// <summary>It did not fail.</summary>
    None,

    /// <summary>No connection: nothing was sent, any request may go elsewhere.</summary>
    NothingSent,

    /// <summary>As above, because this gateway can have no further connection: nothing is the worker's fault.</summary>
    NoRoom,

    /// <summary>
    /// It may have reached the worker, which did not answer: only what is safe to repeat may go elsewhere.
    /// </summary>
    NoAnswer,

    /// <summary>As above, and a time-out is why.</summary>
    TimedOut,

    /// <summary>It answered that it has too much to do, and a place at another worker is taken.</summary>
    Busy,

    /// <summary>The answer had begun.</summary>
    AnswerBroken,

    /// <summary>The client went away or sent a broken body: nothing is the worker's fault.</summary>
    Client,
}

/// <summary>Tells the faults apart.</summary>
internal static class AttemptFaults
{
    /// <param name="error">What the forwarder says.</param>
    /// <param name="exception">What it caught.</param>
    /// <param name="clientGone">Whether the client's connection is closed.</param>
    /// <param name="answerBegun">Whether anything of the answer was sent to the client.</param>
    public static AttemptFault Classify(ForwarderError error, Exception? exception, bool clientGone, bool answerBegun)
    {
        if (error == ForwarderError.None)
        {
            return AttemptFault.None;
        }

        if (clientGone)
        {
            return AttemptFault.Client;
        }

        if (answerBegun)
        {
            return AttemptFault.AnswerBroken;
        }

        return error switch
        {
            ForwarderError.RequestBodyClient or ForwarderError.ResponseBodyClient => AttemptFault.Client,
            _ when NothingWasSent(exception) => HadNoRoom(exception) ? AttemptFault.NoRoom : AttemptFault.NothingSent,
            ForwarderError.RequestTimedOut or ForwarderError.RequestCanceled or ForwarderError.RequestBodyCanceled =>
                AttemptFault.TimedOut,
            // The worker took no more of the request.
            ForwarderError.RequestBodyDestination when GaveUp(exception) => AttemptFault.TimedOut,
            _ => AttemptFault.NoAnswer,
        };
    }

    private static bool GaveUp(Exception? exception) => exception switch
    {
        OperationCanceledException => true,
        AggregateException aggregate => aggregate.InnerExceptions.Any(GaveUp),
        _ => false,
    };

    private static bool HadNoRoom(Exception? exception) =>
        exception?.GetBaseException() is SocketException e && OpenFiles.AreUsedUp(e.SocketErrorCode);

    private static bool NothingWasSent(Exception? exception) => exception switch
    {
        HttpRequestException http => http.HttpRequestError
            is HttpRequestError.NameResolutionError
            or HttpRequestError.ConnectionError
            or HttpRequestError.SecureConnectionError,
        AggregateException aggregate => aggregate.InnerExceptions.All(NothingWasSent),
        _ => false,
    };
}
