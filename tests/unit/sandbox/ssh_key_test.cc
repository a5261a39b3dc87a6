#include "sandbox/ssh_key.h"

#include <gmock/gmock.h>

#include "core/base/error.h"
#include "sandbox/key_agent.h"
#include "sandbox/ssh_wire.h"

namespace imgb {
namespace {

using testing::HasSubstr;

// Made by ssh-keygen for this test alone.
constexpr const char* kEd25519 = R"(-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACAAPGbdrXrf8CsBjl/mSAZMPzAiSG3NFOF9Yt7JMAa4DwAAAJBeK2+PXitv
jwAAAAtzc2gtZWQyNTUxOQAAACAAPGbdrXrf8CsBjl/mSAZMPzAiSG3NFOF9Yt7JMAa4Dw
AAAEDuW3hjEimfL1iMXEVq6sOFc+b4L599QMss9S0NO/Z/9gA8Zt2tet/wKwGOX+ZIBkw/
MCJIbc0U4X1i3skwBrgPAAAABmEgdGVzdAECAwQFBgc=
-----END OPENSSH PRIVATE KEY-----
)";
constexpr const char* kEcdsaPem = R"(-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg8zEm/y7kEdyUqOIj
BiQY6DHi7jCzwOw6vqLxO/E2euGhRANCAATzJx/k2S3FJSHhmvjhAAaal0R1eMvV
p5OS4Vd7X0uFehF0CPxWu1mqGr4Rt/GqQ+xe8SQkuQ3ST/ksPWh8+Xam
-----END PRIVATE KEY-----
)";
constexpr const char* kRsa = R"(-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAABFwAAAAdzc2gtcn
NhAAAAAwEAAQAAAQEAqBNFNhmsz7PtSlvecujl+Jfnasd1LWpWL4AjfodcNC2KsbKennDS
KXRigkg8McB9HdXE0yLMnYbbCkOggDcetKkMJoGWtL4/MoKtN/7ThMiOKLTsS1eZasVLj2
C6XlQBufO6OB9mOWe/787qO4dX8AGrOWXCe7X2qpowEC02EMOBZ5VG0LG1EDphg6vEDPAa
9zrDS9Vbtpl8QqnUh3Svfu9sG23C+hoDezEgDYwqBcpE7p/PPnftnwzg2q74dEDEEH0KPK
wmfm7b708Wt7/aWO5yK8NzthdNo3RpaA/zlPVuphLWOaJz2cCaQhaLijxymHJMupAK9soA
M9mkDLDxUQAAA8DV+Ffu1fhX7gAAAAdzc2gtcnNhAAABAQCoE0U2GazPs+1KW95y6OX4l+
dqx3UtalYvgCN+h1w0LYqxsp6ecNIpdGKCSDwxwH0d1cTTIsydhtsKQ6CANx60qQwmgZa0
vj8ygq03/tOEyI4otOxLV5lqxUuPYLpeVAG587o4H2Y5Z7/vzuo7h1fwAas5ZcJ7tfaqmj
AQLTYQw4FnlUbQsbUQOmGDq8QM8Br3OsNL1Vu2mXxCqdSHdK9+72wbbcL6GgN7MSANjCoF
ykTun88+d+2fDODarvh0QMQQfQo8rCZ+btvvTxa3v9pY7nIrw3O2F02jdGloD/OU9W6mEt
Y5onPZwJpCFouKPHKYcky6kAr2ygAz2aQMsPFRAAAAAwEAAQAAAQAP/NVGkiaoEzttKVP9
pj3J6dkvhQ2WZlkQZ6X4sTOKGxLoWE9STvUO0G1WazyelurP3be9RcAk8+D+FvS7fYLEOJ
hZSVZmlvo3+co0W18PcGxlXuBjQk/rohzP5KmVs3P+ljqOgB4fM8lELHCHfRZWVDJPYWig
j+yIyeXshAByk57OM3BKLhtHsftrbJXkFFNH03l48Smu4DJakGxLEqMhKh2MMWmfqegca1
MmWnjn/bz8lkT4Ythy9O3V7sadqL59rDhVhy4TXwpO/ZGFrN5somswvFkfvEC86oXJxuas
1ExacNRj5xUMZprmzuWkmH8kZQh5wfjD6D0XHB11DgWpAAAAgQCTD90o0P52ebfqqdUFoi
sGdlepR3CQCOSx2mJEA5W5m84wS2YkotJJGLmkAwsreLYocZDzWnu36rzBppxnNv/Wb9oY
bjyqUEnhdkn8EJlGrKwymvfn1a6qmMe5tv/bSRx6z6wL9/lVgKZWYWf2xTy9IhPl3JGwVY
g3f/kCStTM8QAAAIEA1fuj/4iDPLj2HnSbdWzi5uz59ryUARdRkHl2GE0SaIYPZWfTMgR7
yvCkZR42MBk47vTqObpKMGV6J6hMqE/5v3s1tk6vUchVVfpgSQtoGdaRdpZtWnjHghUD7e
jfCz+9TB8LatW70nhKJYTIHM8ZLmo1sf08TbNPQKxZfyiDS+8AAACBAMkT+JFhDPus4G2L
aKASNCjIMHvj/NTpnR8rEce/O4Dh09d2ybdvMKsZesLqLVopZldwvyEcX6Pa0gNoPIK3UR
0feYJX9KJXxLIkPrHxug7MvRUUFQ6kKhPygSA84jVMzVElp/M0H2zrs8D6/pVaYfFGSzAa
Ha0WwmgrYg+nV1a/AAAACHJzYSB0ZXN0AQI=
-----END OPENSSH PRIVATE KEY-----
)";
constexpr const char* kLocked = R"(-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABDuLu/0aP
HTzU/esElKD20HAAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIHgG9DD53BFJUH82
Peg0vN8t+kO6/iigbmbDK4Md/YzSAAAAkNTpGiicZOvmYgh3nKh/H3neH8Chk9m1aeT77Z
gWBBg3BurMamEZ99nkhlP/7Gk4Mrt4M5zzGMZIn1m0chjirZHysf7XMmZLceCUYtLIAxiZ
KZp1BENTFwfPSVby2xWscs3L5lPGxVeFiFuycU1BaKBak/RRFKjJpkuuwUHJhvO8dhTbbc
jlUogcdX4RkUMtRQ==
-----END OPENSSH PRIVATE KEY-----
)";

std::vector<SshKey> all_keys() {
  std::vector<SshKey> keys;
  for (const char* text : {kEd25519, kEcdsaPem, kRsa}) keys.push_back(SshKey::parse(text, "file"));
  return keys;
}

std::string error_of(std::string_view text) {
  try {
    SshKey::parse(text, "file");
    return "none";
  } catch (const Error& e) {
    return e.what();
  }
}

std::string sign_request(const SshKey& key, unsigned flags) {
  return SshWriter().byte(13).string(key.public_blob()).string("data").number(flags).take();
}

TEST(SshKey, OpensshAndPemFilesAreRead) {
  std::vector<SshKey> keys = all_keys();
  EXPECT_EQ(keys[0].comment(), "a test");
  EXPECT_EQ(keys[1].comment(), "file");  // PEM has none
  EXPECT_EQ(SshReader(keys[0].public_blob()).string(), "ssh-ed25519");
  EXPECT_EQ(SshReader(keys[1].public_blob()).string(), "ecdsa-sha2-nistp256");
  EXPECT_EQ(SshReader(keys[2].public_blob()).string(), "ssh-rsa");
}

TEST(SshKey, WhatIsNoKeySaysSo) {
  EXPECT_THAT(error_of(kLocked), HasSubstr("ssh key file: it has a passphrase"));
  EXPECT_THAT(error_of("ssh-ed25519 AAAA me"), HasSubstr("it is no private key"));
  std::string cut = kEd25519;
  EXPECT_THAT(error_of(cut.substr(0, cut.size() / 2)), HasSubstr("its end is missing"));
  for (std::size_t at = 60; at < 300; at += 7) {  // whatever is damaged: an error or another key, never a crash
    std::string damaged = kEd25519;
    damaged[at] = damaged[at] == 'A' ? 'B' : 'A';
    error_of(damaged);
  }
}

TEST(KeyAgent, ListsItsKeys) {
  std::vector<SshKey> keys = all_keys();
  std::string text = answer_as_agent("\x0b", keys);
  SshReader answer(text);
  EXPECT_EQ(answer.byte(), 12);
  EXPECT_EQ(answer.number(), 3u);
  EXPECT_EQ(answer.string(), keys[0].public_blob());
  EXPECT_EQ(answer.string(), "a test");
}

TEST(KeyAgent, SignsAsTheKeyAndTheFlagsSay) {
  std::vector<SshKey> keys = all_keys();
  const struct {
    std::size_t key;
    unsigned flags;
    std::string_view algorithm;
  } cases[] = {{0, 0, "ssh-ed25519"}, {1, 0, "ecdsa-sha2-nistp256"}, {2, 2, "rsa-sha2-256"}, {2, 4, "rsa-sha2-512"}};
  for (const auto& c : cases) {
    std::string text = answer_as_agent(sign_request(keys[c.key], c.flags), keys);
    SshReader answer(text);
    ASSERT_EQ(answer.byte(), 14) << c.algorithm;
    SshReader signature(answer.string());
    EXPECT_EQ(signature.string(), c.algorithm);
    EXPECT_GE(signature.string().size(), 64u);
  }
}

TEST(KeyAgent, EverythingElseFails) {
  std::vector<SshKey> keys = all_keys();
  const std::string failure("\x05", 1);
  EXPECT_EQ(answer_as_agent(sign_request(keys[2], 0), keys), failure);  // SHA-1
  std::string request = sign_request(keys[0], 0);
  keys.erase(keys.begin());
  EXPECT_EQ(answer_as_agent(request, keys), failure);
  for (unsigned char type : {1, 9, 17, 18, 19, 22, 25, 27, 200})  // add, remove, lock, extensions
    EXPECT_EQ(answer_as_agent(std::string(1, static_cast<char>(type)) + request.substr(1), keys), failure);
  for (std::size_t size = 0; size < request.size(); ++size)
    EXPECT_EQ(answer_as_agent(request.substr(0, size), keys), failure) << size;
  EXPECT_EQ(answer_as_agent("\x0d\xff\xff\xff\xff", keys), failure);
}

}  // namespace
}  // namespace imgb
