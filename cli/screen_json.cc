#include <nlohmann/json.hpp>

#include "cli/screen.h"
#include "core/base/time.h"

namespace imgb {
namespace {

using Json = nlohmann::ordered_json;

std::string_view name_of(event::Outcome outcome) {
  switch (outcome) {
    case event::Outcome::done:
      return "done";
    case event::Outcome::cached:
      return "cached";
    case event::Outcome::failed:
      return "failed";
    case event::Outcome::cancelled:
      return "cancelled";
  }
  return "";
}

/// One JSON object per line: {"time","activity","event",...}. JSON escapes control characters; bytes that are not UTF-8
/// become U+FFFD.
class JsonScreen : public Screen {
 public:
  JsonScreen(WriteText write, Clock clock) : Screen(std::move(write), std::move(clock)) {}

 protected:
  void draw(int activity, const Event& event) override {
    Json line{{"time", render_rfc3339(imgb::now())}, {"activity", activity}};
    std::visit([&](const auto& what) { add(line, what); }, event);
    write(line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  }

 private:
  static void add(Json& line, const event::Started& e) { line.update({{"event", "started"}, {"label", e.label}}); }
  static void add(Json& line, const event::Log& e) { line.update({{"event", "log"}, {"text", e.bytes}}); }
  static void add(Json& line, const event::Bytes& e) {
    line.update({{"event", "bytes"}, {"what", e.what}, {"done", e.done}});
    if (e.total) line["total"] = *e.total;
  }
  static void add(Json& line, const event::Note& e) { line.update({{"event", "note"}, {"text", e.text}}); }
  static void add(Json& line, const event::Finished& e) {
    line.update({{"event", "finished"}, {"outcome", name_of(e.outcome)}});
    if (!e.error.empty()) line["error"] = e.error;
  }
  static void add(Json& line, const event::Warning& e) { line.update({{"event", "warning"}, {"text", e.text}}); }
};

}  // namespace

std::unique_ptr<Screen> make_json_screen(WriteText write, Clock clock) {
  return std::make_unique<JsonScreen>(std::move(write), std::move(clock));
}

}  // namespace imgb
