using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;

namespace WorkerMesh.Gateway.Hosting;

/// <summary>
/// Keeps pages of other sites from changing anything through the browser of somebody who can reach this gateway: bodies
/// are read whatever their content type says, so a browser would send them without asking first. Browsers mark such
/// requests (Fetch Metadata, w3.org/TR/fetch-metadata); other clients are not concerned.
/// </summary>
internal sealed class CrossSiteGuard(RequestDelegate next, IOptions<GatewayOptions> options)
{
    private readonly string[] origins = options.Value.CorsOrigins;

    /// <summary>Whether a page sends it: browsers say so (Fetch, section 3.1; Fetch Metadata).</summary>
    public static bool IsOfPage(IHeaderDictionary headers) => headers.Origin.Count > 0 || headers.ContainsKey("Sec-Fetch-Site");

    public Task Invoke(HttpContext context)
    {
        var request = context.Request;
        return request.Headers["Sec-Fetch-Site"] == "cross-site"
            && !HttpMethods.IsGet(request.Method)
            && !HttpMethods.IsHead(request.Method)
            && !HttpMethods.IsOptions(request.Method)
            && !origins.Contains("*")
            && !origins.Contains(request.Headers.Origin.ToString())
                ? Refuse(context)
                : next(context);
    }

    private static Task Refuse(HttpContext context) => TypedResults.Problem(new ProblemDetails
    {
        Status = StatusCodes.Status403Forbidden,
        Title = "Pages of other sites may not do this.",
        Detail = "Add the page's origin to Gateway:CorsOrigins to allow it.",
        Extensions = { ["errors"] = new Dictionary<string, string[]> { ["Origin"] = ["Is not in Gateway:CorsOrigins."] } },
    }).ExecuteAsync(context);
}
