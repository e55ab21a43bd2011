using System.Collections.Frozen;
using Microsoft.Extensions.Options;
using WorkerMesh.Gateway.Forwarding;
using WorkerMesh.Gateway.Reading;

namespace WorkerMesh.Gateway.Hosting;

/// <summary>
/// Addresses that only forward (<see cref="GatewayOptions.ForwardingPorts"/>): whoever reaches no other can use workers, and
/// neither register nor list nor unregister any.
/// </summary>
internal sealed class ForwardingPorts(IOptions<GatewayOptions> options)
{
    private readonly FrozenSet<int> ports = options.Value.ForwardingPorts.ToFrozenSet();

    public Task Invoke(HttpContext context, RequestDelegate next)
    {
        if (!ports.Contains(context.Connection.LocalPort) || ForwardingEndpoint.IsAsked(context.Request))
        {
            return next(context);
        }

        // What load balancers ask.
        return context.Request.Path.Value is "/health/live" or "/health/ready"
            ? next(context)
            : Problems.NotFoundPath(context.Request.Path).ExecuteAsync(context);
    }
}
