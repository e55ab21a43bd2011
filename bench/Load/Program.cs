using WorkerMesh.Load;
using WorkerMesh.Load.Etcd;
using WorkerMesh.Load.Mesh;

// The load that Debian's generators can't make. Each command prints one line of JSON; bench/compare says which it runs.
// Arguments: the command, then --name value pairs. Ends with 1 where not everything was answered with success.
var arguments = new Arguments(args.AsSpan(Math.Min(1, args.Length)));
Func<Arguments, Task<Measurement>>? command = args.FirstOrDefault() switch
{
    "register" => MeshCommands.RegisterAsync,
    "fill" => MeshCommands.FillAsync,
    "heartbeat" => MeshCommands.HeartbeatAsync,
    "heartbeats" => MeshCommands.HeartbeatsAsync,
    "background" => MeshCommands.BackgroundAsync,
    "watch" => MeshCommands.WatchAsync,
    "announce" => MeshCommands.AnnounceAsync,
    "etcd-put" => EtcdCommands.PutAsync,
    "etcd-fill" => EtcdCommands.FillAsync,
    "etcd-keepalive" => EtcdCommands.KeepAliveAsync,
    "etcd-watch" => EtcdCommands.WatchAsync,
    "etcd-announce" => EtcdCommands.AnnounceAsync,
    _ => null,
};
if (command is not null)
{
    var measured = await command(arguments);
    Console.WriteLine(measured.ToJson());
    return measured.Errors == 0 ? 0 : 1;
}

if (args.FirstOrDefault() == "sink")
{
    await Sink.RunAsync(arguments);
    return 0;
}

Console.Error.WriteLine("Not a command; see bench/Load/Program.cs.");
return 2;
