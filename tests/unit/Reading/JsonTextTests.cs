using System.Text;
using WorkerMesh.Gateway.Reading;

namespace WorkerMesh.Tests.Unit.Reading;

public sealed class JsonTextTests
{
    [Theory]
    [InlineData("""{"current_load": NaN}""", "current_load", "no NaN")]
    [InlineData("""{"current_load": -Infinity}""", "current_load", "no Infinity")]
    [InlineData("""{"current_load": 01}""", "current_load", "12, -0.5 or 3e2")]
    [InlineData("""{"current_load": .5}""", "current_load", "12, -0.5 or 3e2")]
    [InlineData("""{"current_load": +1}""", "current_load", "12, -0.5 or 3e2")]
    [InlineData("""{"a": True}""", "a", "true, false or null")]
    [InlineData("""{"a": None}""", "a", "true, false or null")]
    [InlineData("""{"a": 'x'}""", "a", "double quotes")]
    [InlineData("""{'a': 1}""", "$", "double quotes")]
    [InlineData("""{"a": 1, "b": /* c */ 2}""", "b", "comment")]
    [InlineData("""{"a": 1} // c""", "$", "comment")]
    [InlineData("""{"a": 1,}""", "$", "comma with nothing after it")]
    [InlineData("""{"services": ["a", "b",]}""", "services[2]", "comma with nothing after it")]
    [InlineData("""{"services": ["a" "b"]}""", "services[1]", "RFC 8259")]
    [InlineData("""{"health": {"path": "/x", "interval_seconds": x}}""", "health.interval_seconds", "RFC 8259")]
    [InlineData("""{"health": {"path": "/x", }}""", "health", "comma with nothing after it")]
    [InlineData("""{"workers": [{}, {}, {"current_load": NaN}]}""", "workers[2].current_load", "no NaN")]
    [InlineData("""{"workers": [[1, [2, 3, ?]]]}""", "workers[0][1][2]", "RFC 8259")]
    [InlineData("""{"url": "http""", "url", "RFC 8259")]
    [InlineData("""{"url": "a\qb"}""", "url", "RFC 8259")]
    [InlineData("""{"url": "x", "weight":""", "weight", "ends too early")]
    [InlineData("""{"url": "x" """, "$", "ends too early")]
    [InlineData("""{"health": {"path": "/x" """, "health", "ends too early")]
    [InlineData("""{"a": 1}{"b": 2}""", "$", "RFC 8259")]
    [InlineData("""{"": NaN}""", "\"\"", "no NaN")]
    [InlineData("""url=http://x""", "$", "RFC 8259")]
    [InlineData("""[1, NaN]""", "$[1]", "no NaN")]
    [InlineData("\u001f\u008b", "$", "RFC 8259")]
    public void Malformed_text_is_an_error_of_the_field_being_read(string text, string field, string says)
    {
        var errors = Errors(text);

        Bodies.AssertOnly(errors, field, says);
        Bodies.AssertOnly(errors, field, "Malformed JSON at line 1, position ");
    }

    [Fact]
    public void The_position_counts_from_1()
    {
        Bodies.AssertOnly(Errors("""{"current_load": NaN}"""), "current_load", "line 1, position 18:");
        Bodies.AssertOnly(Errors("{\n  \"a\": 1,\n  \"b\": ?\n}"), "b", "line 3, position 8:");
    }

    [Theory]
    [InlineData("[]", "an array")]
    [InlineData("\"x\"", "'x'")]
    [InlineData("12", "12")]
    [InlineData("null", "null")]
    [InlineData("true", "true")]
    public void A_body_that_is_no_object_is_refused(string text, string says) =>
        Bodies.AssertOnly(Errors(text), "$", $"must be a JSON object, not {says}");

    [Fact]
    public void Nesting_goes_to_32_levels_and_no_further()
    {
        Assert.Empty(Errors(Nested(32)));
        var (field, sentences) = Assert.Single(Errors(Nested(33)));
        Assert.StartsWith("a[0][0]", field, StringComparison.Ordinal);
        Assert.Contains("deeper than 32 levels", sentences[0], StringComparison.Ordinal);

        static string Nested(int depth) => $$"""{"a": {{new string('[', depth - 1)}}{{new string(']', depth - 1)}}}""";
    }

    [Theory]
    [InlineData("""{"a": 1, "b": 2, "a": 3}""", "a")]
    [InlineData("""{"health": {"path": "/", "path": "/"}}""", "health.path")]
    [InlineData("""{"workers": [{}, {"x": {"y": 1}, "y": 1, "x": 2}]}""", "workers[1].x")]
    [InlineData("""{"ab": 1, "\u0061b": 2}""", "\\u0061b")]
    [InlineData("""{"": 1, "": 2}""", "\"\"")]
    public void A_property_named_twice_is_refused(string text, string field) =>
        Bodies.AssertOnly(Errors(text), field, "more than once");

    [Theory]
    [InlineData("""{"zone": "\ud800"}""", "zone")]
    [InlineData("""{"zone": "\uDC00\uD800"}""", "zone")]
    [InlineData("""{"zone": "\ud83d\u0041"}""", "zone")]
    [InlineData("""{"zone": "\ud83dx\ude00"}""", "zone")]
    [InlineData("""{"capabilities": {"x": ["ok", "\ud83d"]}}""", "capabilities.x[1]")]
    [InlineData("""{"capabilities": {"\ud83d": 1}}""", "capabilities.\\ud83d")]
    public void Half_a_surrogate_pair_is_an_error_of_its_field(string text, string field) =>
        Bodies.AssertOnly(Errors(text), field, "half of a surrogate pair");

    [Theory]
    [InlineData("""{"zone": "\ud83d\ude00"}""")]
    [InlineData("""{"zone": "\\ud800"}""")]
    [InlineData("""{"zone": "\"\\\n\u0000\u00e9 \\\\ud800 \ud83d\ude00\ud83d\ude00"}""")]
    [InlineData("""{"zone": "😀é"}""")]
    public void Whole_characters_are_read_however_they_are_written(string text) => Assert.Empty(Errors(text));

    [Fact]
    public void Bytes_that_are_not_UTF_8_are_an_error_of_their_field()
    {
        byte[] text = [.. "{\"zone\": \"a"u8, 0xE9, .. "\", \"weight\": 1}"u8];

        Bodies.AssertOnly(Errors(text), "zone", "UTF-8");
    }

    [Fact]
    public void Many_faults_are_bounded()
    {
        var errors = Errors($$"""{"a": [{{string.Join(",", Enumerable.Repeat("\"\\ud800\"", 50_000))}}]}""");

        Assert.Equal(FieldErrors.MaxKept, errors.Count);
    }

    [Fact]
    public void A_long_property_name_is_shortened_in_the_path()
    {
        var (field, _) = Assert.Single(Errors($$"""{"{{new string('x', 100_000)}}": ?}"""));

        Assert.Equal(64, field.Length);
    }

    private static Dictionary<string, string[]> Errors(string text) => Errors(Encoding.UTF8.GetBytes(text));

    private static Dictionary<string, string[]> Errors(byte[] text)
    {
        var errors = new FieldErrors();
        using var document = JsonText.Parse(text, errors);
        Assert.Equal(document is null, !errors.IsEmpty);
        return errors.ToDictionary();
    }
}
