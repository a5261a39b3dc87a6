#include "cli/listing.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace imgb {
namespace {

using Json = nlohmann::ordered_json;

const Json kValue{{"ID", "abc"}, {"Config", {{"Cmd", {"sh", "-c"}}, {"Labels", {{"a", "b"}}}}}, {"Size", 5}};

TEST(Template, ShowsFieldsAsGoDoes) {
  EXPECT_EQ(render_template("{{.ID}}: {{.Config.Cmd}} {{ .Size }}", kValue), "abc: [sh -c] 5");
  EXPECT_EQ(render_template("{{json .Config.Cmd}}\\t{{.Config.Labels}}", kValue), "[\"sh\",\"-c\"]\tmap[a:b]");
  EXPECT_EQ(render_template("{{.Nothing}}", kValue), "<no value>");
}

TEST(Template, RefusesWhatItDoesNotKnow) {
  EXPECT_THROW(render_template("{{range .X}}", kValue), Error);
  EXPECT_THROW(render_template("{{.ID", kValue), Error);
}

TEST(Listing, AlignsColumnsAsDockerDoes) {
  Json rows{{{"A", "x"}, {"B", "1"}}, {{"A", "longer"}, {"B", "2"}}};
  EXPECT_EQ(render_listing({{"AA", "A"}, {"BB", "B"}}, rows, ""), "AA       BB\nx        1\nlonger   2\n");
  EXPECT_EQ(render_listing({}, rows, "json"), "{\"A\":\"x\",\"B\":\"1\"}\n{\"A\":\"longer\",\"B\":\"2\"}\n");
}

TEST(Listing, CellsAreHarmless) {
  Json rows{{{"A", "x\x1b[2J"}}};
  EXPECT_EQ(render_listing({{"A", "A"}}, rows, "").find('\x1b'), std::string::npos);
}

TEST(Age, SpeaksAsDockerDoes) {
  auto age = [](std::int64_t seconds) { return render_age(seconds * kNanosecondsPerSecond); };
  EXPECT_EQ(age(-5), "Less than a second");
  EXPECT_EQ(age(1), "1 second");
  EXPECT_EQ(age(59), "59 seconds");
  EXPECT_EQ(age(61), "About a minute");
  EXPECT_EQ(age(45 * 60), "45 minutes");
  EXPECT_EQ(age(3600), "About an hour");
  EXPECT_EQ(age(47 * 3600), "47 hours");
  EXPECT_EQ(age(13 * 86400), "13 days");
  EXPECT_EQ(age(21 * 86400), "3 weeks");
  EXPECT_EQ(age(100 * 86400), "3 months");
  EXPECT_EQ(age(800 * 86400), "2 years");
}

}  // namespace
}  // namespace imgb
