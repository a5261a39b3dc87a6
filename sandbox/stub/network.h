#pragma once

namespace imgb::stub {

/// Loopback is down in a new network namespace. False: errno says why.
bool raise_loopback();
/// Nothing at 169.254/16 is for a step: cloud hosts answer there with credentials. False: errno says why.
bool forbid_link_local();

}  // namespace imgb::stub
