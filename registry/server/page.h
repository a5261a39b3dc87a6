#pragma once
#include <string_view>

namespace imgb::server {

/// page.html: what a browser is shown at "/". It asks the registry itself for all that it shows.
std::string_view page_html();

}  // namespace imgb::server
