using System.Collections.Frozen;
using Microsoft.Extensions.Options;
using WorkerMesh.Gateway.Hosting;
using WorkerMesh.Gateway.Reading;

namespace WorkerMesh.Gateway.Forwarding;

/// <summary>The plans of all requests: made once for each service type, and anew only for a request that asks for more.</summary>
internal sealed class SendPlans
{
    private readonly SendPlan usual;
    private readonly TimeLimits longest;
    private readonly FrozenDictionary<string, SendPlan> byService;

    public SendPlans(IOptions<GatewayOptions> options)
    {
        var all = options.Value;
        var limits = new TimeLimits(all.ConnectTimeout, all.FirstByteTimeout, all.BetweenBytesTimeout);
        usual = new(limits, limits);
        longest = new(all.MaxConnectTimeout, all.MaxFirstByteTimeout, all.MaxBetweenBytesTimeout);
        byService = all.Services.ToFrozenDictionary(
            s => s.Key,
            s => new SendPlan(
                new(
                    s.Value.ConnectTimeout ?? limits.Connect,
                    s.Value.FirstByteTimeout ?? limits.FirstByte,
                    s.Value.BetweenBytesTimeout ?? limits.BetweenBytes),
                limits),
            StringComparer.Ordinal);
    }

    /// <summary>The plan of a request; null, and errors, where it asks for something that can't be read.</summary>
    public SendPlan? Find(HttpRequest request, string serviceType, out FieldErrors? errors)
    {
        errors = null;
        var plan = byService.Count > 0 && byService.TryGetValue(serviceType, out var own) ? own : usual;
        if (!TimeLimitReader.Asks(request.Headers))
        {
            return plan;
        }

        errors = new();
        var limits = TimeLimitReader.Read(request.Headers, plan.Limits, longest, errors);
        return errors.IsEmpty ? new(limits, usual.Limits) : null;
    }
}
