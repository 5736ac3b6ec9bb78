using System.Buffers;
using System.Globalization;
using System.Text;
using Grpc.Core;
using Microsoft.AspNetCore.WebUtilities;

namespace PaxosStore.Gateways.Etcd.Json;

/// <summary>Errors as the gateway of etcd 3.4 and 3.5 writes them; the fields of later ones are among theirs.</summary>
internal static class GatewayErrors
{
    /// <summary>The HTTP status that stands for a gRPC one.</summary>
    internal static int HttpCode(StatusCode code) => code switch
    {
        StatusCode.OK => 200,
        StatusCode.InvalidArgument or StatusCode.FailedPrecondition or StatusCode.OutOfRange => 400,
        StatusCode.Unauthenticated => 401,
        StatusCode.PermissionDenied => 403,
        StatusCode.NotFound => 404,
        StatusCode.Cancelled => 408,
        StatusCode.AlreadyExists or StatusCode.Aborted => 409,
        StatusCode.ResourceExhausted => 429,
        StatusCode.Unimplemented => 501,
        StatusCode.Unavailable => 503,
        StatusCode.DeadlineExceeded => 504,
        _ => 500,
    };

    /// <summary>The whole answer to a call that failed.</summary>
    internal static void WriteCall(IBufferWriter<byte> to, Status status)
    {
        to.Write("{\"error\":"u8);
        JsonWriter.WriteText(to, status.Detail);
        to.Write(",\"message\":"u8);
        JsonWriter.WriteText(to, status.Detail);
        Write(to, $",\"code\":{(int)status.StatusCode}}}");
    }

    /// <summary>The last word of a stream that failed.</summary>
    internal static void WriteStream(IBufferWriter<byte> to, Status status)
    {
        var http = HttpCode(status.StatusCode);
        Write(to, $"{{\"error\":{{\"grpc_code\":{(int)status.StatusCode},\"http_code\":{http},\"message\":");
        JsonWriter.WriteText(to, status.Detail);
        Write(to, $",\"http_status\":\"{ReasonPhrases.GetReasonPhrase(http)}\"}}}}");
    }

    /// <summary>A message larger than any this door reads.</summary>
    internal static RpcException TooLarge(long bytes, long most) => new(new Status(
        StatusCode.ResourceExhausted, string.Create(CultureInfo.InvariantCulture, $"grpc: received message larger than max ({bytes} vs. {most})")));

    private static void Write(IBufferWriter<byte> to, string text) => Encoding.ASCII.GetBytes(text, to);
}
