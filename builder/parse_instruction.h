#pragma once
#include "builder/flag_set.h"
#include "builder/instructions.h"

namespace imgb {

/// Understands one split instruction that is not FROM. Error(input), without lines.
Instruction parse_instruction(const RawInstruction& raw);

// The larger ones, each in a file of its own.
Run parse_run(const RawInstruction& raw);
Copy parse_copy(const RawInstruction& raw);
Add parse_add(const RawInstruction& raw);
HealthcheckInstruction parse_healthcheck(const RawInstruction& raw);

CommandLine command_line_of(const RawInstruction& raw);

/// Throws unless the instruction has no flags: most have none.
void refuse_flags(const RawInstruction& raw);

}  // namespace imgb
