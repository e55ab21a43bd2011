using Microsoft.Net.Http.Headers;

namespace WorkerMesh.Gateway.Hosting;

/// <summary>Lets through to the dashboard who may see it; where it is off, there is nothing to be found.</summary>
internal sealed class DashboardGuard(RequestDelegate next, DashboardAccess access)
{
    public Task Invoke(HttpContext context)
    {
        if (!context.Request.Path.StartsWithSegments(DashboardAccess.Path))
        {
            return next(context);
        }

        if (!access.IsServed)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        }

        if (access.AsksForCredentials && !access.Admits(context.Request.Headers.Authorization))
        {
            context.Response.Headers[HeaderNames.WWWAuthenticate] = "Basic realm=\"WorkerMesh dashboard\", charset=\"UTF-8\"";
            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
            return Task.CompletedTask;
        }

        return next(context);
    }
}
