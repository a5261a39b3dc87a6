#include <cstring>

#include "sandbox/plan.h"
#include "sandbox/stub/wire.h"

namespace imgb {
namespace {

/// Writes what stub::PlanReader reads.
class PlanWriter {
 public:
  PlanWriter& number(std::uint64_t value) { return raw(static_cast<std::uint32_t>(value)); }
  PlanWriter& wide(std::uint64_t value) { return raw(value); }
  PlanWriter& text(std::string_view value) {
    number(value.size());
    bytes_.append(value);
    bytes_ += '\0';
    return *this;
  }
  PlanWriter& op(stub::Op code) { return number(static_cast<std::uint32_t>(code)); }
  template <class Texts>
  PlanWriter& texts(const Texts& all) {
    number(all.size());
    for (const std::string& one : all) text(one);
    return *this;
  }
  std::string take() { return std::move(bytes_); }

 private:
  template <class Value>
  PlanWriter& raw(Value value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    bytes_.append(bytes, sizeof value);
    return *this;
  }
  std::string bytes_;
};

struct WriteOp {
  PlanWriter& out;

  void operator()(const mount_op::Overlay& op) const {
    out.op(stub::Op::overlay).number(op.source).text(op.upper).text(op.work).number(op.attributes).texts(op.lower);
  }
  void operator()(const mount_op::Tree& op) const { out.op(stub::Op::tree).number(op.source); }
  void operator()(const mount_op::FileSystem& op) const {
    out.op(stub::Op::file_system).text(op.target.str()).text(op.type).number(op.attributes);
    out.number(op.optional).number(op.follow_links).number(op.options.size());
    for (const auto& [key, value] : op.options) out.text(key).text(value);
  }
  void operator()(const mount_op::Attach& op) const {
    out.op(stub::Op::attach).text(op.target.str()).number(op.source).number(op.folder).number(op.follow_links);
  }
  void operator()(const mount_op::ThrowAway& op) const {
    out.op(stub::Op::throw_away).text(op.target.str()).number(op.source).number(op.folder);
  }
  void operator()(const mount_op::File& op) const {
    out.op(stub::Op::file).text(op.target.str()).number(op.mode).number(op.uid).number(op.gid);
    out.number(op.attributes).text(op.content);
  }
  void operator()(const mount_op::Socket& op) const {
    out.op(stub::Op::socket).text(op.target.str()).number(op.mode).number(op.uid).number(op.gid).number(op.relay);
  }
  void operator()(const mount_op::Mask& op) const { out.op(stub::Op::mask).text(op.path.str()); }
  void operator()(const mount_op::MaskEach& op) const {
    out.op(stub::Op::mask_each).text(op.folder.str()).text(op.prefix).text(op.name);
  }
  void operator()(const mount_op::ReadOnly& op) const { out.op(stub::Op::read_only).text(op.path.str()); }
  void operator()(const mount_op::Move& op) const { out.op(stub::Op::move).text(op.path.str()); }
  void operator()(const mount_op::Symlink& op) const { out.op(stub::Op::symlink).text(op.path.str()).text(op.text); }
  void operator()(const mount_op::Folder& op) const {
    out.op(stub::Op::folder).text(op.path.str()).number(op.mode).number(op.uid).number(op.gid);
  }
};

void write_mounts(PlanWriter& out, const std::vector<MountOp>& mounts) {
  out.number(mounts.size());
  for (const MountOp& op : mounts) std::visit(WriteOp{out}, op);
}

void write_process(PlanWriter& out, const ProcessPlan& process, std::string_view filter) {
  out.texts(process.argv).texts(process.env).text(process.cwd.str());
  out.number(process.uid).number(process.gid).number(process.groups.size());
  for (std::uint32_t group : process.groups) out.number(group);
  out.wide(process.capabilities).number(process.no_new_privileges).number(process.tty);
  out.number(process.rows).number(process.columns);
  out.number(process.limits.size());
  for (const ResourceLimit& limit : process.limits)
    out.number(static_cast<std::uint32_t>(limit.resource)).wide(limit.soft).wide(limit.hard).number(limit.required);
  out.text(process.apparmor_profile).text(process.selinux_label).text(filter);
}

}  // namespace

std::string render_for_stub(const GroundPlan& ground) {
  PlanWriter out;
  out.wide(ground.capabilities);
  write_mounts(out, ground.mounts);
  return out.take();
}

std::string render_for_stub(const SandboxPlan& plan, std::string_view filter) {
  PlanWriter out;
  out.text(plan.hostname);
  write_mounts(out, plan.mounts);
  out.number(plan.read_only_root);
  write_process(out, plan.process, filter);
  return out.take();
}

std::string render_for_chroot(const ProcessPlan& process, std::string_view filter) {
  PlanWriter out;
  write_process(out, process, filter);
  return out.take();
}

std::string render_for_stub(const ProcessPlan& process, bool user_namespace, std::string_view filter) {
  PlanWriter out;
  out.number(user_namespace);
  write_process(out, process, filter);
  return out.take();
}

}  // namespace imgb
