using System.Net.Sockets;
using WorkerMesh.Gateway.Forwarding;
using Yarp.ReverseProxy.Forwarder;

namespace WorkerMesh.Tests.Unit.Forwarding;

public sealed class AttemptFaultTests
{
    private static readonly Exception Refused = new HttpRequestException(HttpRequestError.ConnectionError);
    private static readonly Exception UsedUp = new HttpRequestException(
        HttpRequestError.ConnectionError, inner: new SocketException((int)SocketError.TooManyOpenSockets));

    private static readonly Exception Unknown = new HttpRequestException(HttpRequestError.NameResolutionError);
    private static readonly Exception Ended = new HttpRequestException(HttpRequestError.ResponseEnded);

    public static TheoryData<ForwarderError, Exception?, bool, bool, string> Table => new()
    {
        { ForwarderError.None, null, false, true, nameof(AttemptFault.None) },
        { ForwarderError.Request, Refused, false, false, nameof(AttemptFault.NothingSent) },
        { ForwarderError.Request, UsedUp, false, false, nameof(AttemptFault.NoRoom) },
        { ForwarderError.Request, Unknown, false, false, nameof(AttemptFault.NothingSent) },
        { ForwarderError.RequestBodyDestination, new AggregateException(Refused, Ended), false, false, nameof(AttemptFault.NoAnswer) },
        { ForwarderError.RequestBodyDestination, new AggregateException(new TaskCanceledException(), Ended), false, false, nameof(AttemptFault.TimedOut) },
        { ForwarderError.RequestBodyCanceled, new OperationCanceledException(), false, false, nameof(AttemptFault.TimedOut) },
        { ForwarderError.Request, Ended, false, false, nameof(AttemptFault.NoAnswer) },
        { ForwarderError.ResponseBodyDestination, Ended, false, false, nameof(AttemptFault.NoAnswer) },
        { ForwarderError.ResponseBodyDestination, Ended, false, true, nameof(AttemptFault.AnswerBroken) },
        { ForwarderError.RequestTimedOut, new OperationCanceledException(), false, false, nameof(AttemptFault.TimedOut) },
        { ForwarderError.RequestCanceled, new OperationCanceledException(), false, false, nameof(AttemptFault.TimedOut) },
        { ForwarderError.RequestCanceled, new OperationCanceledException(), true, false, nameof(AttemptFault.Client) },
        { ForwarderError.Request, Refused, true, false, nameof(AttemptFault.Client) },
        { ForwarderError.RequestBodyClient, Ended, false, false, nameof(AttemptFault.Client) },
    };

    [Theory]
    [MemberData(nameof(Table))]
    public void Faults_are_told_apart(
        ForwarderError error, Exception? exception, bool clientGone, bool answerBegun, string expected) =>
        Assert.Equal(expected, AttemptFaults.Classify(error, exception, clientGone, answerBegun).ToString());
}
