using System.Globalization;
using System.Text;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Forwarding;

/// <summary>
/// Why a request went where it went, for the header <c>X-Mesh-Explain</c>: a list (RFC 9651, section 3.1) of the
/// workers, each with its score and why it was passed over. Made only where it was asked for. The scores are read just
/// after the choice, so they may differ a little from those that decided it.
/// </summary>
internal sealed class Explanation
{
    /// <summary>The most workers that are named; of the others there is only the number.</summary>
    public const int MostNamed = 16;

    private readonly bool hasKey;
    private string text = "";

    private Explanation(bool hasKey) => this.hasKey = hasKey;

    /// <summary>Sends it with the answer, whoever gives that.</summary>
    public static Explanation For(HttpContext context, bool hasKey)
    {
        var explanation = new Explanation(hasKey);
        context.Response.OnStarting(
            static state =>
            {
                var (response, explanation) = ((HttpResponse, Explanation))state;
                response.Headers[RequestWishes.ExplainHeader] = explanation.text;
                return Task.CompletedTask;
            },
            (context.Response, explanation));
        return explanation;
    }

    /// <summary>Notes a choice; the last is told, with those that were tried before.</summary>
    public void Note(ForwardedRequest request, Instance? chosen, TimeSpan now) => text = Describe(
        request.Route.Snapshot!, chosen, request.Tried.Span, request.IsRepeatable, hasKey, now);

    /// <summary>The header's value.</summary>
    /// <param name="snapshot">The route.</param>
    /// <param name="chosen">The worker that was chosen, if one was.</param>
    /// <param name="tried">The workers that were tried; the chosen one may be the last.</param>
    /// <param name="repeatable">As in <see cref="Wish"/>.</param>
    /// <param name="hasKey">Whether an affinity key decided.</param>
    /// <param name="now">The time.</param>
    public static string Describe(
        RouteSnapshot snapshot, Instance? chosen, ReadOnlySpan<WorkerLink?> tried, bool repeatable, bool hasKey, TimeSpan now)
    {
        var text = new StringBuilder();
        if (chosen is not null)
        {
            // Without the place that this request took.
            Append(text, chosen, ";chosen", Score(chosen, chosen.Link.InFlight - 1, now));
        }

        var named = chosen is null ? 0 : 1;
        foreach (var instance in InOrder(snapshot, tried))
        {
            if (instance == chosen)
            {
                continue;
            }

            if (named++ == MostNamed)
            {
                break;
            }

            var score = Score(instance, instance.Link.InFlight, now);
            Append(text, instance, $";passed={WhyPassed(instance, score, chosen, tried, repeatable, hasKey, now)}", score);
        }

        var unnamed = snapshot.All.Length - Math.Min(named, MostNamed);
        if (unnamed > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"{(text.Length > 0 ? ", " : "")}\"\";more={unnamed}");
        }

        return text.ToString();
    }

    /// <summary>The first thing that kept a worker from being chosen.</summary>
    private static string WhyPassed(
        Instance instance,
        double score,
        Instance? chosen,
        ReadOnlySpan<WorkerLink?> tried,
        bool repeatable,
        bool hasKey,
        TimeSpan now)
    {
        var (link, info) = (instance.Link, instance.Info);
        if (tried.Contains(link))
        {
            return link.IsBusy(now) ? "busy" : "failed";
        }

        return info.State switch
        {
            WorkerState.Offline => "offline",
            WorkerState.Draining => "draining",
            _ when link.IsBusy(now) => "busy",
            _ when link.IsAvoided(repeatable, now) => info.Unreachable ? "unreachable" : "set-aside",
            _ when info.Registration.MaxConcurrency <= link.InFlight => "at-limit",
            WorkerState.Degraded when chosen?.Info.State == WorkerState.Online => "degraded",
            _ when hasKey => "affinity",
            _ when chosen is null => "not-tried",
            _ when info.Registration.Zone != chosen.Info.Registration.Zone => "other-zone",
            _ when score > Score(chosen, chosen.Link.InFlight - 1, now) => "costlier",
            // Two at random are compared, and near equals by chance.
            _ => "by-chance",
        };
    }

    /// <summary>What decides, in milliseconds: the lower gets the request.</summary>
    private static double Score(Instance instance, int inFlight, TimeSpan now) =>
        1000 * WorkerPicker.Cost(instance, Math.Max(0, inFlight), now) / instance.Info.Registration.Weight;

    /// <summary>Those that were tried first: of a long list they are what one wants to know of.</summary>
    private static IEnumerable<Instance> InOrder(RouteSnapshot snapshot, ReadOnlySpan<WorkerLink?> tried)
    {
        var links = tried.ToArray();
        return snapshot.All.Where(i => links.Contains(i.Link))
            .Concat(snapshot.All.Where(i => !links.Contains(i.Link)).Take(MostNamed + 1));
    }

    private static void Append(StringBuilder text, Instance instance, string what, double score) => text.Append(
        CultureInfo.InvariantCulture,
        $"{(text.Length > 0 ? ", " : "")}\"{instance.Link.Id}\"{what};score={Math.Min(score, 999_999_999_999):0.0##}");
}
