#include "builder/syntax_directive.h"

#include <gtest/gtest.h>

namespace imgb {
namespace {

TEST(Syntax, IsFoundInEverySpelling) {
  const std::pair<std::string_view, std::optional<std::string>> cases[] = {
      {"# syntax=docker/dockerfile:1\nFROM a", "docker/dockerfile:1"},
      {"\xEF\xBB\xBF#SYNTAX = a/b --opt x\r\nFROM a", "a/b"},
      {"#!/usr/bin/env x\n# escape=`\n# syntax=a\nFROM a", "a"},
      {"#!/only", std::nullopt},
      {"// syntax=a\n", "a"},
      {"{\"syntax\": \"a\", \"x\": 1}", "a"},
      {"{\"syntax\": 1}", std::nullopt},
      {"{broken", std::nullopt},
      {"\n# syntax=a\nFROM a", std::nullopt},
      {"# plain\n# syntax=a\nFROM a", std::nullopt},
      {"FROM a\n# syntax=a", std::nullopt},
      {"# syntax=a\n# syntax=b\n", std::nullopt},
      {"", std::nullopt},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(find_syntax(text), expected) << text;
}

TEST(Syntax, OnlyDockersOwnIsNative) {
  for (const char* native : {"docker/dockerfile", "docker/dockerfile:1.7-labs", "docker.io/docker/dockerfile:1",
                             "docker/dockerfile-upstream:master", "docker/dockerfile@sha256:abc", "dockerfile.v0"}) {
    EXPECT_TRUE(is_native_syntax(native)) << native;
  }
  for (const char* foreign :
       {"evil/dockerfile:1", "docker/dockerfilex", "ghcr.io/docker/dockerfile:1", "gateway.v0", ""}) {
    EXPECT_FALSE(is_native_syntax(foreign)) << foreign;
  }
}

TEST(Syntax, AForeignOneIsNotRunAndTheUserHears) {
  const std::string native = "dockerfile.v0", foreign = "evil/x";
  EXPECT_EQ(find_syntax_warning("FROM a", nullptr), std::nullopt);
  EXPECT_EQ(find_syntax_warning("# syntax=docker/dockerfile:1\nFROM a", nullptr), std::nullopt);
  EXPECT_EQ(find_syntax_warning("# syntax=evil\x1b/x:1\nFROM a", nullptr),
            "syntax evil\\x1b/x:1 is not run: the file is read as a Dockerfile");
  EXPECT_EQ(find_syntax_warning("# syntax=evil\nFROM a", &native), std::nullopt);
  EXPECT_NE(find_syntax_warning("FROM a", &foreign), std::nullopt);
}

}  // namespace
}  // namespace imgb
