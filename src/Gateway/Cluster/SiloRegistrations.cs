using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Cluster;

/// <summary>
/// Sends registrations of workers that are taken to be new to the silos, one silo after the other. A few messages are on
/// their way at a time; what comes meanwhile gathers, and follows in one.
/// </summary>
internal sealed class SiloRegistrations(ClusterCalls cluster, TimeProvider clock)
{
    /// <summary>Enough for several silos to have one, and for a silo to have the next while it stores the last.</summary>
    public const int MostUnderWay = 8;

    /// <summary>Bounds the size of a message, and what is held up by one that is lost.</summary>
    public const int MostInOne = 250;

    /// <summary>After so long a message does not hold up others any more: its silo may hang.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(200);

    /// <summary>Any key: it is answered by the silo that the message comes to.</summary>
    private const long AnySilo = 0;

    private readonly Lock gate = new();
    private readonly Queue<Waiter> waiting = [];
    private int underWay;

    /// <summary>Registers a worker.</summary>
    /// <param name="worker">The worker.</param>
    /// <param name="floor">As of <see cref="IRegistrationsGrain.Add"/>.</param>
    /// <returns>The default value where no silo answered: the worker's grain has to be called.</returns>
    public Task<NewWorkerAnswer> Add(NewWorker worker, long floor)
    {
        var waiter = new Waiter(worker, floor);
        lock (gate)
        {
            waiting.Enqueue(waiter);
            if (underWay == MostUnderWay)
            {
                return waiter.Task;
            }

            underWay++;
        }

        _ = SendWaiting();
        return waiter.Task;
    }

    private async Task SendWaiting()
    {
        while (TakeWaiting() is { } batch)
        {
            try
            {
                await Send(batch).WaitAsync(Patience, clock);
            }
            catch (TimeoutException)
            {
                // Whoever waits for it goes on waiting.
            }
        }
    }

    private List<Waiter>? TakeWaiting()
    {
        lock (gate)
        {
            if (waiting.Count == 0)
            {
                underWay--;
                return null;
            }

            var batch = new List<Waiter>(Math.Min(waiting.Count, MostInOne));
            while (batch.Count < MostInOne && waiting.TryDequeue(out var waiter))
            {
                batch.Add(waiter);
            }

            return batch;
        }
    }

    private async Task Send(List<Waiter> batch)
    {
        try
        {
            var answers = await cluster.CallOnce(grains => grains.GetGrain<IRegistrationsGrain>(AnySilo)
                .Add([.. batch.Select(w => w.Worker)], batch.Max(w => w.Floor)));
            for (var i = 0; i < batch.Count; i++)
            {
                batch[i].SetResult(answers.IsDefault ? default : answers[i]);
            }
        }
        // Whatever it is belongs to the callers; what waits has to be sent all the same.
        catch (Exception e)
        {
            batch.ForEach(waiter => waiter.TrySetException(e));
        }
    }

    private sealed class Waiter(NewWorker worker, long floor)
        : TaskCompletionSource<NewWorkerAnswer>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public NewWorker Worker => worker;

        public long Floor => floor;
    }
}
