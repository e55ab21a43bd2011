using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Api;

/// <summary>An instance with what says where it stands in a list, best first; read once, because it changes meanwhile.</summary>
internal readonly record struct RankedInstance : IComparable<RankedInstance>
{
    private readonly WorkerState state;
    private readonly bool isAvoided;
    private readonly double cost;

    public RankedInstance(Instance instance, TimeSpan now)
    {
        Instance = instance;
        state = instance.Info.State;
        isAvoided = instance.Link.IsSetAside(now) || instance.Link.IsBusy(now) || instance.Info.Unreachable;
        cost = WorkerPicker.Cost(instance, now) / instance.Info.Registration.Weight;
    }

    public Instance Instance { get; }

    public int CompareTo(RankedInstance other) =>
        state != other.state ? state.CompareTo(other.state)
            : isAvoided != other.isAvoided ? isAvoided.CompareTo(other.isAvoided)
            : cost != other.cost ? cost.CompareTo(other.cost)
            : Instance.Link.Id.CompareTo(other.Instance.Link.Id);
}
