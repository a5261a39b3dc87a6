#include "registry/retry.h"

#include <gtest/gtest.h>

#include <thread>

#include "registry/registry_error.h"
#include "registry/retrier.h"

namespace imgb {
namespace {

using std::chrono::milliseconds;

TEST(Retry, F9_TheTableDecidesByStatus) {
  RetryLimits limits;
  for (int status : {408, 429, 500, 502, 503, 504}) {
    EXPECT_TRUE(find_wait({1, status, {}}, limits, 0)) << status;
    EXPECT_TRUE(find_wait({5, status, {}}, limits, 0)) << status;
    EXPECT_FALSE(find_wait({6, status, {}}, limits, 0)) << status;
  }
  for (int status : {400, 401, 403, 404, 405, 410, 416, 501}) {
    EXPECT_FALSE(find_wait({1, status, {}}, limits, 0)) << status;
  }
}

TEST(Retry, F9_RetryAfterIsHonouredUpToAMinute) {
  RetryLimits limits;
  EXPECT_EQ(find_wait({1, 429, milliseconds(7000)}, limits, 0.5), milliseconds(7000));
  EXPECT_EQ(find_wait({1, 429, milliseconds(86'400'000)}, limits, 0.5), milliseconds(60'000));
  EXPECT_EQ(find_wait({1, 503, milliseconds(0)}, limits, 0), milliseconds(150));  // a date that is over, or a bad idea
  EXPECT_EQ(find_wait({3, 503, milliseconds(0)}, limits, 0), milliseconds(600));
}

TEST(Retry, WaitsGrowWithJitterAndStayBounded) {
  RetryLimits limits;
  limits.max_attempts = 100;
  EXPECT_EQ(find_wait({1, 500, {}}, limits, 0), milliseconds(150));
  EXPECT_EQ(find_wait({2, 500, {}}, limits, 0), milliseconds(300));
  EXPECT_GT(find_wait({2, 500, {}}, limits, 0.9), find_wait({2, 500, {}}, limits, 0.1));
  for (int attempt = 1; attempt < 100; ++attempt) {
    EXPECT_LE(*find_wait({attempt, 500, {}}, limits, 0.999), limits.max_wait);
  }
}

TEST(Retry, F11_BadTlsAndRefusedAddressesAreNeverTriedAgain) {
  for (auto failure : {TransportFailure::tls, TransportFailure::no_tls, TransportFailure::refused_address}) {
    EXPECT_FALSE(find_wait({1, failure, {}}, {}, 0));
  }
  EXPECT_TRUE(find_wait({1, TransportFailure::cut, {}}, {}, 0));
  EXPECT_TRUE(find_wait({1, TransportFailure::stalled, {}}, {}, 0));
  EXPECT_TRUE(find_wait({2, TransportFailure::resolve, {}}, {}, 0));
  EXPECT_FALSE(find_wait({3, TransportFailure::resolve, {}}, {}, 0));
}

TEST(Retrier, RunsUntilItWorksAndWaitsAsTheTableSays) {
  std::vector<milliseconds> waits;
  Retrier retrier(
      {}, [&](milliseconds wait, const std::stop_token&) { waits.push_back(wait); }, [] { return 0.0; });
  int calls = 0;
  retrier.run(
      [&](int& attempt) {
        EXPECT_EQ(attempt, ++calls);
        if (calls < 4) throw TransportError(TransportFailure::cut, ErrorKind::unavailable, "cut");
      },
      {});
  EXPECT_EQ(waits, (std::vector{milliseconds(150), milliseconds(300), milliseconds(600)}));
}

TEST(Retrier, LongWaitsAreToldWithTheirReason) {
  struct Notes : NoProgress {
    void emit(int, Event event) noexcept override {
      if (auto* note = std::get_if<event::Note>(&event)) texts.push_back(note->text);
    }
    std::vector<std::string> texts;
  } notes;
  Retrier retrier(
      {}, [](milliseconds, const std::stop_token&) {}, [] { return 0.0; });
  int calls = 0;
  {
    Activity activity(notes, "pulling");
    retrier.run(
        [&](int&) {
          RegistryError busy(ErrorKind::unavailable, "GET x: 429 Too Many Requests", 429, {});
          if (++calls == 2) busy.retry_after = milliseconds(7000);
          if (calls < 3) throw busy;
        },
        {}, &activity);
  }
  EXPECT_EQ(notes.texts, std::vector<std::string>{"GET x: 429 Too Many Requests; trying again in 7 s"});
}

TEST(Retrier, OtherErrorsPassThroughAtOnce) {
  Retrier retrier(
      {}, [](milliseconds, const std::stop_token&) { FAIL(); }, [] { return 0.0; });
  int calls = 0;
  EXPECT_THROW(retrier.run(
                   [&](int&) {
                     ++calls;
                     throw_error(ErrorKind::input, "bad conf");
                   },
                   {}),
               Error);
  EXPECT_EQ(calls, 1);
}

TEST(Retrier, StoppingEndsAWaitAtOnce) {
  RetryLimits limits;
  limits.first_wait = std::chrono::hours(1);
  limits.max_wait = std::chrono::hours(1);
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  auto before = std::chrono::steady_clock::now();
  try {
    Retrier(limits).run([](int&) { throw TransportError(TransportFailure::cut, ErrorKind::unavailable, "cut"); },
                        stop.get_token());
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::cancelled);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(5));
}

TEST(RegistryErrors, V69_WhatARegistryWritesIsEscapedAndShort) {
  ResponseHead head{500, {}, {}};
  RegistryError error = registry_error("GET https://r/x", head, "\x1b[31mred" + std::string(100'000, 'x'), 0);
  std::string text = error.what();
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_LT(text.size(), 1200u);
  EXPECT_EQ(error.kind(), ErrorKind::unavailable);
}

TEST(RegistryErrors, CodesAreDataAndStatusesHaveKinds) {
  RegistryError error =
      registry_error("GET https://r/x", {404, {}, {}},
                     R"({"errors":[{"code":"MANIFEST_UNKNOWN","message":"no such","detail":{}}]})", 0);
  EXPECT_STREQ(error.what(), "GET https://r/x: 404 Not Found: MANIFEST_UNKNOWN: no such");
  EXPECT_EQ(error.codes(), std::vector<std::string>{"MANIFEST_UNKNOWN"});
  EXPECT_EQ(error.kind(), ErrorKind::not_found);
  EXPECT_EQ(registry_error("x", {403, {}, {}}, "", 0).kind(), ErrorKind::denied);
  EXPECT_EQ(registry_error("x", {429, {{"Retry-After", "3"}}, {}}, "", 0).retry_after, milliseconds(3000));
  EXPECT_STREQ(registry_error("x", {502, {}, {}}, "<html>nginx</html>", 0).what(), "x: 502 Bad Gateway");
}

TEST(RetryLimitsOfUsers, TriesAndWaitsAreWhatWasAskedFor) {
  RetryLimits limits = retry_limits(2, std::chrono::seconds(3));
  EXPECT_EQ(find_wait({1, 503, {}}, limits, 0.5), std::chrono::seconds(3));
  EXPECT_EQ(find_wait({2, TransportFailure::connect, {}}, limits, 0.1), std::chrono::seconds(3));
  EXPECT_EQ(find_wait({2, 503, std::chrono::seconds(20)}, limits, 0.5), std::chrono::seconds(20)) << "Retry-After";
  EXPECT_FALSE(find_wait({3, 503, {}}, limits, 0.5));
  EXPECT_FALSE(find_wait({1, 503, {}}, retry_limits(0, {}), 0.5));
  EXPECT_FALSE(find_wait({1, 403, {}}, retry_limits(9, {}), 0.5)) << "what does not get better is not tried again";
}

}  // namespace
}  // namespace imgb
