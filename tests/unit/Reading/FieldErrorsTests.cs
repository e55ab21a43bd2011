using WorkerMesh.Gateway.Reading;

namespace WorkerMesh.Tests.Unit.Reading;

public sealed class FieldErrorsTests
{
    [Fact]
    public void Errors_of_one_field_are_kept_together_in_the_order_found()
    {
        var errors = new FieldErrors();
        errors.Add("url", "First.");
        errors.Add("weight", "Second.");
        errors.Add("url", "Third.");

        Assert.Equal(["url", "weight"], errors.ToDictionary().Keys);
        Assert.Equal(["First.", "Third."], errors.ToDictionary()["url"]);
        Assert.Equal("3 things are wrong, the first of them with url: First.", errors.Summarize());
    }

    [Fact]
    public void A_single_error_is_its_own_summary()
    {
        var errors = new FieldErrors();
        Assert.True(errors.IsEmpty);
        errors.Add("url", "Is missing.");

        Assert.False(errors.IsEmpty);
        Assert.Equal("url: Is missing.", errors.Summarize());
    }

    [Fact]
    public void Twenty_errors_are_kept_and_the_summary_says_how_many_more_there_are()
    {
        var errors = new FieldErrors();
        for (var i = 0; i < 1000; i++)
        {
            errors.Add($"services[{i}]", "Is wrong.");
        }

        Assert.Equal(20, errors.ToDictionary().Values.Sum(s => s.Length));
        Assert.Equal(1000, errors.Count);
        Assert.Equal(980, errors.Omitted);
        Assert.Contains("20 are listed and 980 more not", errors.Summarize(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_hostile_field_name_is_shortened_and_cleaned()
    {
        var errors = new FieldErrors();
        errors.Add(new string('x', 10_000), "Is wrong.");
        errors.Add("a\r\nb", "Is wrong.");

        Assert.All(errors.ToDictionary().Keys, key => Assert.InRange(key.Length, 1, 200));
        Assert.Contains("a\uFFFD\uFFFDb", errors.ToDictionary().Keys);
    }

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData(null, "")]
    [InlineData("tab\tnul\0", "tab\uFFFDnul\uFFFD")]
    [InlineData("right\u202Eleft\u200B", "right\uFFFDleft\uFFFD")]
    [InlineData("line\u2028", "line\uFFFD")]
    [InlineData("bücher 日本 😀", "bücher 日本 😀")]
    public void Quoted_text_cannot_disguise_what_surrounds_it(string? value, string shown) =>
        Assert.Equal($"'{shown}'", Quoted.Text(value));

    [Fact]
    public void Lone_surrogates_are_replaced_in_quoted_text() => Assert.Equal("a\uFFFDb", Quoted.Shorten("a\uD800b"));

    [Theory]
    [InlineData(63, 63)]
    [InlineData(64, 64)]
    [InlineData(65, 64)]
    [InlineData(1_000_000, 64)]
    public void Quoted_text_has_at_most_64_characters(int length, int shown)
    {
        var text = Quoted.Shorten(new string('x', length));

        Assert.Equal(shown, text.Length);
        Assert.Equal(length > 64, text.EndsWith('…'));
    }

    [Fact]
    public void A_surrogate_pair_is_not_cut_in_two()
    {
        var text = Quoted.Shorten(new string('x', 62) + "😀😀");

        Assert.Equal(new string('x', 62) + "…", text);
    }
}
