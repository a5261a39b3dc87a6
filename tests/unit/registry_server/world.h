#pragma once
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <string>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/store/publish.h"
#include "core/store/store.h"
#include "registry/server/layout_catalog.h"
#include "registry/server/service.h"
#include "tests/support/image_maker.h"
#include "tests/support/temp_dir.h"

namespace imgb::server {

/// What the registry answers, without a socket.
inline Reply ask(Service& service, std::string method, std::string target, Headers headers = {},
                 std::string_view body = {}) {
  RequestHead head{.method = std::move(method), .target = std::move(target), .headers = std::move(headers)};
  head.has_body = !body.empty();
  if (head.has_body) head.content_length = body.size();
  try {
    auto step = service.begin(head, parse_route(head.target));
    if (auto* reply = std::get_if<Reply>(&step)) return std::move(*reply);
    Work& work = *std::get<std::unique_ptr<Work>>(step);
    if (work.wants_body() && !body.empty()) work.take(as_bytes(body));
    return work.finish();
  } catch (const std::exception& e) {
    return Service::reply_for(e);
  }
}
inline std::string header(const Reply& reply, std::string_view name) {
  for (const auto& [key, value] : reply.headers)
    if (iequals_ascii(key, name)) return value;
  return "";
}
inline nlohmann::json json_of(const Reply& reply) { return nlohmann::json::parse(reply.body); }
inline std::string code_of(const Reply& reply) { return json_of(reply)["errors"][0]["code"]; }
/// The bytes of a blob's answer.
inline std::string bytes_of(const Reply& reply) {
  if (!reply.blob) return reply.body;
  std::string bytes(reply.blob->length, '\0');
  read_at(*reply.blob->file.file, std::as_writable_bytes(std::span(bytes)), reply.blob->file.offset + reply.blob->first,
          "");
  return bytes;
}
/// Waits until a blob that is read for the first time is known.
inline Flight::State outcome_of(const Reply& reply) {
  if (!reply.blob || !reply.blob->flight) return Flight::State::good;
  std::mutex mutex;
  std::condition_variable changed;
  while (true) {
    auto progress = reply.blob->flight->progress();
    if (progress.state != Flight::State::running) return progress.state;
    bool woken = false;
    reply.blob->flight->at_change(progress, [&] {
      std::lock_guard hold(mutex);
      woken = true;
      changed.notify_one();
    });
    std::unique_lock hold(mutex);
    changed.wait(hold, [&] { return woken; });
  }
}

/// A store with a registry over it, asked without a socket.
struct ServedStore {
  TempDir temp;
  Store store = Store::open(temp.path() / "store");
  LayoutCatalog catalog{Dir::open_host(temp.path() / "store"), "own"};
  Service service{catalog};

  Descriptor add(std::vector<std::string> names, const std::vector<std::string>& layers = {"one"}) {
    Descriptor image = make_image(store.blobs(), layers);
    std::vector<Reference> references;
    for (const std::string& name : names) references.push_back(Reference::parse(name));
    publish(store, image, references);
    return image;
  }
  Reply ask(std::string method, std::string target, Headers headers = {}, std::string_view body = {}) {
    return imgb::server::ask(service, std::move(method), std::move(target), std::move(headers), body);
  }
};

}  // namespace imgb::server
