#include "cli/hidden.h"

#include <unistd.h>

#include "cli/container_run.h"
#include "cli/files.h"
#include "cli/generate.h"
#include "cli/settle.h"
#include "cli/terminal.h"
#include "core/base/error.h"
#include "layerfs/decoder_child.h"
#include "layerfs/ingest_child.h"

namespace imgb {
namespace {

int print(const std::string& text) {
  write_all(duplicate_standard(STDOUT_FILENO), text, "standard output");
  return 0;
}

}  // namespace

int run_hidden(std::span<const std::string> words) {
  try {
    if (words[0] == kIngestCommand) return ingest_main(words.subspan(1));
    if (words[0] == kDecodeCommand) return decode_main(words.subspan(1));
    if (words[0] == "__supervise" && words.size() == 3) return run_supervisor(words);
    if (words[0] == "__exec" && words.size() > 2) return run_detached_exec(words);
    if (words[0] == kSettleCommand) return run_settle(words);
    if (words[0] == "__man") return print(render_man_page());
    if (words[0] == "__completion") return print(render_bash_completion());
    write_error_text("imgb: unknown hidden command\n");
    return 2;
  } catch (const std::exception& e) {
    write_error_text(std::string("imgb: ") + e.what() + "\n");
    return 1;
  }
}

}  // namespace imgb
