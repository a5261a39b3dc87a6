#include "sandbox/device_program.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <vector>

#include "core/base/error.h"

namespace imgb {
namespace {

enum Register : unsigned char { r0 = 0, r1 = 1, r2 = 2, r3 = 3, r4 = 4 };
constexpr int kAnyMinor = -1;

bpf_insn make(unsigned code, unsigned char destination, unsigned char source, int offset, int immediate) {
  bpf_insn instruction{};
  instruction.code = static_cast<unsigned char>(code);
  instruction.dst_reg = destination & 15;
  instruction.src_reg = source & 15;
  instruction.off = static_cast<short>(offset);
  instruction.imm = immediate;
  return instruction;
}

/// r2 = what is asked for, r3 = major, r4 = minor; type in the low half of r1.
std::vector<bpf_insn> make_program() {
  constexpr unsigned kLoadWord = BPF_LDX | BPF_MEM | BPF_W, kMove = BPF_ALU64 | BPF_MOV | BPF_K;
  constexpr unsigned kNotEqual = BPF_JMP | BPF_JNE | BPF_K;
  std::vector<bpf_insn> code = {
      make(kLoadWord, r2, r1, offsetof(bpf_cgroup_dev_ctx, access_type), 0),
      make(kLoadWord, r3, r1, offsetof(bpf_cgroup_dev_ctx, major), 0),
      make(kLoadWord, r4, r1, offsetof(bpf_cgroup_dev_ctx, minor), 0),
      make(BPF_ALU64 | BPF_MOV | BPF_X, r1, r2, 0, 0),
      make(BPF_ALU64 | BPF_AND | BPF_K, r1, 0, 0, 0xffff),
      make(BPF_ALU64 | BPF_RSH | BPF_K, r2, 0, 0, 16),
      // Making a node, and nothing more, is allowed for all.
      make(kNotEqual, r2, 0, 2, BPF_DEVCG_ACC_MKNOD),
      make(kMove, r0, 0, 0, 1),
      make(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
      make(BPF_JMP | BPF_JEQ | BPF_K, r1, 0, 2, BPF_DEVCG_DEV_CHAR),
      make(kMove, r0, 0, 0, 0),
      make(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
  };
  for (auto [major, minor] : {std::pair{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}, {5, 2}, {136, kAnyMinor}}) {
    code.push_back(make(kNotEqual, r3, 0, minor == kAnyMinor ? 2 : 3, major));
    if (minor != kAnyMinor) code.push_back(make(kNotEqual, r4, 0, 2, minor));
    code.push_back(make(kMove, r0, 0, 0, 1));
    code.push_back(make(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
  }
  code.push_back(make(kMove, r0, 0, 0, 0));
  code.push_back(make(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
  return code;
}

int bpf(int command, bpf_attr& attributes) {
  return static_cast<int>(::syscall(SYS_bpf, command, &attributes, sizeof attributes));
}

}  // namespace

Fd attach_device_program(const Fd& cgroup) {
  static constexpr char kLicense[] = "Apache-2.0";
  std::vector<bpf_insn> code = make_program();
  bpf_attr load;
  std::memset(&load, 0, sizeof load);
  load.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  load.insns = reinterpret_cast<std::uintptr_t>(code.data());
  load.insn_cnt = static_cast<unsigned>(code.size());
  load.license = reinterpret_cast<std::uintptr_t>(kLicense);
  Fd program(bpf(BPF_PROG_LOAD, load));
  if (!program) throw_errno("loading the device rules of a cgroup");
  bpf_attr attach;
  std::memset(&attach, 0, sizeof attach);
  attach.target_fd = static_cast<unsigned>(cgroup.get());
  attach.attach_bpf_fd = static_cast<unsigned>(program.get());
  attach.attach_type = BPF_CGROUP_DEVICE;
  attach.attach_flags = BPF_F_ALLOW_MULTI;
  if (bpf(BPF_PROG_ATTACH, attach) < 0) throw_errno("attaching the device rules of a cgroup");
  return program;
}

}  // namespace imgb
