using Orleans.Dashboard;

namespace WorkerMesh.Gateway.Hosting;

/// <summary>
/// Serves the dashboard, which is mapped when the first request for it comes: it compresses its pages then, which is a
/// tenth of what a gateway does to start.
/// </summary>
internal sealed class DashboardPages(RequestDelegate next, IServiceProvider services)
{
    private readonly Lazy<RequestDelegate> pages = new(() => Map(services));

    public Task Invoke(HttpContext context) =>
        context.Request.Path.StartsWithSegments(DashboardAccess.Path) ? pages.Value(context) : next(context);

    private static RequestDelegate Map(IServiceProvider services)
    {
        var branch = new ApplicationBuilder(services);
        branch.UseRouting();
        branch.UseEndpoints(endpoints => endpoints.MapOrleansDashboard(DashboardAccess.Path).ExcludeFromDescription());
        return branch.Build();
    }
}
