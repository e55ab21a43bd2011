using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Reading;

/// <summary>What a request to register says.</summary>
/// <param name="Registration">The registration; without services where none were given.</param>
/// <param name="ServicesGiven">Whether <c>services</c> was there, maybe empty; else they are to be assigned.</param>
/// <param name="Incarnation">The incarnation as which the sender registers again, 1 or more; null where new.</param>
internal sealed record RegistrationRequest(Registration Registration, bool ServicesGiven, long? Incarnation);
