#include <cstdio>

namespace imgb {
const char* version();
}

int main() { std::printf("imgb %s\n", imgb::version()); }
