using WorkerMesh.Gateway.Reading;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Api;

/// <summary>Which instances of a service type a client wants to see.</summary>
internal sealed record InstanceFilter(WorkerState? State, string? Zone, IReadOnlyList<CapabilityTerm> Capabilities)
{
    /// <summary>Lets everything through.</summary>
    public static readonly InstanceFilter None = new(null, null, []);

    private const int MaxTerms = 16;

    /// <summary>Whether it lets everything through.</summary>
    public bool IsEmpty => State is null && Zone is null && Capabilities.Count == 0;

    public static InstanceFilter? Read(IQueryCollection query, FieldErrors errors)
    {
        var parameters = new QueryReader(query, errors);
        var state = parameters.State("state");
        var zone = parameters.Zone("zone");
        var terms = new List<CapabilityTerm>();
        var texts = query["capability"];
        if (texts.Count > MaxTerms)
        {
            errors.Add("capability", $"Is given {texts.Count} times; give it at most {MaxTerms} times.");
            return null;
        }

        foreach (var text in texts)
        {
            if (CapabilityTerm.TryParse(text) is { } term)
            {
                terms.Add(term);
            }
            else
            {
                errors.Add("capability", $"{Quoted.Text(text)} is not a condition; {CapabilityTerm.Rule}.");
            }
        }

        return new(state, zone, terms);
    }

    public IEnumerable<Instance> Apply(IEnumerable<Instance> instances) => instances.Where(i => Matches(i.Info));

    /// <summary>
    /// Whether an event may have changed the list. Where states are filtered any event may: what left the state is no
    /// longer in it.
    /// </summary>
    public bool Concerns(RouteEvent happened) => State is not null || Matches(happened.Info);

    private bool Matches(InstanceInfo info) =>
        (State is null || info.State == State)
        && (Zone is null || info.Registration.Zone == Zone)
        && (Capabilities.Count == 0 || CapabilityTerm.AllHold(Capabilities, info.Registration.Capabilities));
}
