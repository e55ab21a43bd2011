namespace WorkerMesh.Grains.Workers;

/// <summary>What goes along where the worker's grain moves to another silo.</summary>
internal sealed partial class LiveWorker
{
    /// <summary>All that is known of it; null where nothing is registered, or that is not known.</summary>
    public CarriedWorker? Carry(TimeSpan now)
    {
        lock (this)
        {
            return record is null ? null : new()
            {
                At = now,
                Record = record,
                IncarnationFloor = IncarnationFloor,
                Liveness = liveness,
                IsHeard = IsHeard,
                Suspicion = Suspicion,
                Counters = Counters,
                EarlierOperations = EarlierOperations,
            };
        }
    }

    /// <summary>Goes on as it was on another silo.</summary>
    public void Settle(CarriedWorker carried, TimeSpan now)
    {
        var ahead = now - carried.At;
        lock (this)
        {
            record = carried.Record;
            IncarnationFloor = carried.IncarnationFloor;
            liveness = carried.Liveness with { HeardAt = carried.Liveness.HeardAt + ahead };
            // Says until when it is unreachable, too.
            Hear(carried.Suspicion.Shift(ahead));
            IsHeard = carried.IsHeard;
            IsLoaded = true;
            heartbeats = carried.Counters.Heartbeats;
            revivals = (int)carried.Counters.Revivals;
            if (carried.EarlierOperations.Length > 0 || carried.Counters.HealthChecks > 0)
            {
                var rare = Rare();
                rare.EarlierOperations = carried.EarlierOperations;
                rare.HealthChecks = carried.Counters.HealthChecks;
                rare.HealthCheckFailures = carried.Counters.HealthCheckFailures;
            }
        }
    }
}
