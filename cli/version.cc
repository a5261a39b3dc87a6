namespace imgb {
const char* version() { return IMGB_VERSION; }
}  // namespace imgb
