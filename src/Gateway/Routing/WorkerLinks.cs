using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Gateway.Routing;

/// <summary>
/// The links to all workers that this gateway routes to. Requests hold their link; only routes come here.
/// </summary>
internal sealed class WorkerLinks
{
    private readonly Lock gate = new();
    private readonly Dictionary<WorkerId, WorkerLink> links = [];

    public WorkerLink Acquire(WorkerId id)
    {
        lock (gate)
        {
            if (!links.TryGetValue(id, out var link))
            {
                links.Add(id, link = new WorkerLink(id));
            }

            link.Routes++;
            return link;
        }
    }

    public void Release(WorkerLink link)
    {
        lock (gate)
        {
            if (--link.Routes == 0)
            {
                links.Remove(link.Id);
            }
        }
    }

    public WorkerLink? Find(WorkerId id)
    {
        lock (gate)
        {
            return links.GetValueOrDefault(id);
        }
    }

    public IReadOnlyList<WorkerLink> All()
    {
        lock (gate)
        {
            return [.. links.Values];
        }
    }
}
