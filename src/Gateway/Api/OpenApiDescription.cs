using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace WorkerMesh.Gateway.Api;

/// <summary>What the OpenAPI document says beyond what the endpoints tell by themselves.</summary>
internal static class OpenApiDescription
{
    private static readonly HttpMethod[] Methods =
        [HttpMethod.Get, HttpMethod.Post, HttpMethod.Put, HttpMethod.Patch, HttpMethod.Delete, HttpMethod.Head, HttpMethod.Options];

    public static void Configure(OpenApiOptions options)
    {
        options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
        options.AddOperationTransformer(async (operation, context, cancellationToken) =>
        {
            if (context.Description.ActionDescriptor.EndpointMetadata.OfType<DocumentedBody>().SingleOrDefault() is { } body)
            {
                operation.RequestBody = new OpenApiRequestBody
                {
                    Content = new Dictionary<string, OpenApiMediaType>
                    {
                        ["application/json"] = new()
                        {
                            Schema = await context.GetOrCreateSchemaAsync(body.Type, null, cancellationToken),
                        },
                    },
                };
            }
        });
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new()
            {
                Title = "WorkerMesh",
                Version = "v1",
                Description = "Register HTTP workers, find them, and have requests balanced to them. "
                    + "Every error is application/problem+json (RFC 9457).",
            };
            document.Servers = null;
            document.Paths.Add("/service/{type}", Forwarding(withPath: false));
            document.Paths.Add("/service/{type}/{path}", Forwarding(withPath: true));
            document.Paths.Add("/metrics", Document("metrics", "Metrics in the Prometheus text format", "text/plain"));
            document.Paths.Add("/openapi/v1.json", Document("openapi", "This document", "application/json"));
            return Task.CompletedTask;
        });
    }

    /// <summary>The forwarding endpoints are request delegates, which the document generator does not see.</summary>
    private static OpenApiPathItem Forwarding(bool withPath)
    {
        var item = new OpenApiPathItem { Operations = [] };
        foreach (var method in Methods)
        {
            item.Operations.Add(method, new OpenApiOperation
            {
                Tags = null,
                Summary = "Forward to a worker of this service type",
                OperationId = $"forward_{method.Method.ToLowerInvariant()}{(withPath ? "_path" : "")}",
                Parameters = withPath ? [Parameter("type"), Parameter("path")] : [Parameter("type")],
                Responses = new()
                {
                    ["default"] = new OpenApiResponse { Description = "Whatever the worker answers" },
                    ["502"] = new OpenApiResponse { Description = "No worker could be reached, or it broke off before it answered" },
                    ["503"] = new OpenApiResponse { Description = "No worker can serve it; Retry-After says when to ask again" },
                    ["504"] = new OpenApiResponse { Description = "The worker did not answer in time" },
                },
            });
        }

        return item;
    }

    /// <summary>What their own packages serve is not seen either.</summary>
    private static OpenApiPathItem Document(string id, string summary, string contentType) => new()
    {
        Operations = new()
        {
            [HttpMethod.Get] = new OpenApiOperation
            {
                Summary = summary,
                OperationId = id,
                Responses = new()
                {
                    ["200"] = new OpenApiResponse
                    {
                        Description = "OK",
                        Content = new Dictionary<string, OpenApiMediaType> { [contentType] = new() },
                    },
                },
            },
        },
    };

    private static OpenApiParameter Parameter(string name) => new()
    {
        Name = name,
        In = ParameterLocation.Path,
        Required = true,
        Schema = new OpenApiSchema { Type = JsonSchemaType.String },
    };
}
