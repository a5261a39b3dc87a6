#include <sys/stat.h>
#include <unistd.h>

#include "builder/export.h"
#include "cli/attachment.h"
#include "cli/build_caches.h"
#include "cli/build_flags.h"
#include "cli/build_inputs.h"
#include "cli/build_push.h"
#include "cli/build_report.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/host_flags.h"
#include "cli/settle.h"
#include "cli/wiring.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "sandbox/rootless.h"

namespace imgb {
namespace {

// --on-error=shell: the failed step's world with a shell in it, on the user's terminal. Standard output is the
// result's: what the shell writes goes to standard error.
void open_shell(CliEnv& env, Sandbox& sandbox, const StepSpec& failed, const Error& why) {
  env.close_screen();
  env.tell(describe(why));
  env.tell("a shell in the failed step follows; exit ends the build");
  StepSpec spec = failed;
  spec.argv = {"/bin/sh"};
  spec.tty = true;
  Attachment attachment({.interactive = true, .tty = true, .terminal_output = STDERR_FILENO});
  Running running = sandbox.start(spec, attachment.io());
  attachment.serve(running, {});
  running.wait();
}

constexpr std::uint64_t kMaxLockBytes = 16 << 20;

class Build : public Verb {
 public:
  void describe(Flags& flags) override { flags_.describe(flags); }

  int run(CliEnv& env) override {
    enter_user_namespace_if_needed();
    if (flags_.quiet) env.set_progress("quiet");
    if (flags_.on_error == "shell" && ::isatty(STDIN_FILENO) != 1)
      throw Error(ErrorKind::usage, "--on-error=shell: standard input is no terminal for a shell");
    BuildRequest request = make_build_request(flags_, environment_list());
    std::vector<OutputSpec> outputs = make_outputs(flags_);
    set_compression(request, outputs);
    if (flags_.iid_file) ::unlink(flags_.iid_file->c_str());
    std::stop_token stop = env.stop();
    ImageWiring wiring(env, parse_isolation(flags_.isolation));
    BuildCaches caches(env, wiring.access(), flags_);
    caches.prepare(request);
    if (flags_.offline) check_offline(outputs);
    if (flags_.locked) read_lock(request);
    request.fetch_result = !std::ranges::all_of(outputs, is_push_alone);
    BuildInputs inputs(env.store(), wiring.snapshots());
    inputs.open(flags_, request, stop);
    while (!build_and_deliver(env, wiring, caches, request, outputs, stop))
      env.progress().warn("the build begins anew without it");
    settle_in_background(env.store().root(), wiring.snapshots());
    return 0;
  }

 private:
  void read_lock(BuildRequest& request) const {
    request.lock_name = lock_file_of(flags_);
    try {
      request.lock = in_context([&] { return printable(request.lock_name); },
                                [&] { return parse_lock(read_user_file(request.lock_name, kMaxLockBytes)); });
    } catch (Error& e) {
      e.set_hint(fmt::format("imgb build --lock {} makes it", printable(request.lock_name)));
      throw;
    }
  }
  void check_offline(const std::vector<OutputSpec>& outputs) const {
    if (std::ranges::any_of(outputs, [](const OutputSpec& output) { return output.push; }))
      throw Error(ErrorKind::usage, "--offline: nothing can be pushed");
    auto is_registry = [](const CacheSpec& spec) { return spec.type == CacheSpec::Type::registry; };
    for (const std::string& text : flags_.cache_from)
      if (is_registry(parse_cache_from(text))) throw_error(ErrorKind::usage, "--offline: --cache-from is a registry");
    for (const std::string& text : flags_.cache_to)
      if (is_registry(parse_cache_to(text))) throw_error(ErrorKind::usage, "--offline: --cache-to is a registry");
  }

  /// Layers that are where they are to go need not come here.
  static bool is_push_alone(const OutputSpec& output) {
    return output.type == OutputSpec::Type::image && output.push && !output.store && !output.force_compression;
  }

  /// False when an imported cache turned out not to have what it was believed to have.
  bool build_and_deliver(CliEnv& env, ImageWiring& wiring, BuildCaches& caches, BuildRequest& request,
                         const std::vector<OutputSpec>& outputs, const std::stop_token& stop) const {
    BuildResult result = build_with_sandbox(env, wiring, caches, request, stop);
    try {
      deliver(env, wiring, caches, outputs, result, stop);
      return true;
    } catch (const Error& e) {
      if (e.kind() == ErrorKind::cancelled || !caches.lost_any()) throw;
      return false;
    }
  }

  /// New layers are made as the first output wants them, so that it has nothing to convert.
  static void set_compression(BuildRequest& request, const std::vector<OutputSpec>& outputs) {
    auto first = std::find_if(outputs.begin(), outputs.end(), [](const OutputSpec& o) { return o.compression; });
    if (first == outputs.end()) return;
    request.layers.compression = *first->compression;
    request.layers.level = first->level;
  }

  BuildResult build_with_sandbox(CliEnv& env, ImageWiring& wiring, BuildCaches& caches, BuildRequest& request,
                                 std::stop_token stop) const {
    Sandbox sandbox({.isolation = wiring.isolation()});
    SandboxRunner runner(sandbox);
    RegistryFiles files(wiring.access());
    if (flags_.on_error == "shell")
      request.on_run_failure = [&](const StepSpec& spec, const Error& why) { open_shell(env, sandbox, spec, why); };
    BuildTools tools{env.store(), wiring.snapshots(), runner, wiring.source(), files, env.progress(), caches.import()};
    BuildResult result = build_and_tell(env, request, tools, std::move(stop));
    for (std::string& warning : sandbox.take_warnings()) env.progress().warn(std::move(warning));
    return result;
  }

  /// A build whose cache cannot be used says why, since it only seems to be slow.
  static BuildResult build_and_tell(CliEnv& env, const BuildRequest& request, const BuildTools& tools,
                                    std::stop_token stop) {
    auto tell = [&] {
      if (auto trouble = env.store().cache().trouble())
        env.progress().warn("built without the cache, which cannot be used now: " + *trouble);
    };
    try {
      BuildResult result = build(request, tools, std::move(stop));
      tell();
      return result;
    } catch (...) {
      tell();
      throw;
    }
  }

  void deliver(CliEnv& env, ImageWiring& wiring, BuildCaches& caches, const std::vector<OutputSpec>& outputs,
               const BuildResult& result, const std::stop_token& stop) const {
    Fd out = duplicate_standard(STDOUT_FILENO);
    bool out_is_taken = false;
    Descriptor manifest = result.manifest;
    std::vector<Digest> pushed;
    BlobsWithinReach blobs = caches.within_reach(result, stop);
    for (const OutputSpec& output : outputs) {
      out_is_taken |= output.to_stdout();
      if (output.to_stdout() && ::isatty(STDOUT_FILENO) == 1)
        throw Error(ErrorKind::usage, "the result would go to the terminal").set_hint("redirect it, or give dest=FILE");
      if (output.rewrite_timestamp == false && result.source_date_epoch)
        env.progress().warn("rewrite-timestamp=false: files newer than SOURCE_DATE_EPOCH have its time all the same");
      if (output.compression) bring_uncompressed(result, blobs);
      auto delivered = export_image(env.store(), wiring.snapshots(), {result.manifest, {}}, output, out,
                                    result.source_date_epoch, env.progress(), stop);
      if (delivered) manifest = *delivered;
      if (!output.push) continue;
      push_output(env, wiring.access(), output, manifest, blobs, caches.mounts(), stop);
      if (std::ranges::count(pushed, manifest.digest) == 0) pushed.push_back(manifest.digest);
    }
    caches.export_all(result, blobs, stop);
    if (flags_.lock && !flags_.locked) write_user_file(*flags_.lock, render_lock(result.used));
    if (flags_.iid_file) write_user_file(*flags_.iid_file, result.config_digest.str());
    if (flags_.metadata_file)
      write_user_file(*flags_.metadata_file, render_metadata(manifest, result, outputs[0].names));
    env.close_screen();
    if (out_is_taken) return;
    if (pushed.empty()) env.print_line(result.config_digest.str());
    for (const Digest& digest : pushed) env.print_line(digest.str());
  }

  /// What is to be compressed has to be here.
  static void bring_uncompressed(const BuildResult& result, const BlobStore& blobs) {
    for (const Layer& layer : result.layers)
      if (compression_of_layer(layer.blob.media_type) == Compression::none) blobs.open(layer.blob.digest);
  }

  BuildFlags flags_;
};

}  // namespace

Command build_command() { return {"build", "Build an image from a Dockerfile", make_verb<Build>}; }

}  // namespace imgb
