#include "sandbox/stub/network.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cerrno>

namespace imgb::stub {

bool raise_loopback() {
  int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return false;
  ifreq request{};
  request.ifr_name[0] = 'l';
  request.ifr_name[1] = 'o';
  bool done = ::ioctl(socket, SIOCGIFFLAGS, &request) == 0;
  request.ifr_flags |= IFF_UP;
  done = done && ::ioctl(socket, SIOCSIFFLAGS, &request) == 0;
  ::close(socket);
  return done;
}

bool forbid_link_local() {
  struct {
    nlmsghdr header;
    rtmsg route;
    rtattr attribute;
    unsigned char network[4];
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = RTM_NEWROUTE;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK;
  request.route.rtm_family = AF_INET;
  request.route.rtm_dst_len = 16;
  request.route.rtm_table = RT_TABLE_MAIN;
  request.route.rtm_protocol = RTPROT_STATIC;
  request.route.rtm_scope = RT_SCOPE_UNIVERSE;
  request.route.rtm_type = RTN_UNREACHABLE;
  request.attribute.rta_len = RTA_LENGTH(4);
  request.attribute.rta_type = RTA_DST;
  request.network[0] = 169;
  request.network[1] = 254;

  int socket = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (socket < 0) return false;
  struct {
    nlmsghdr header;
    nlmsgerr result;
    char rest[256];
  } answer{};
  bool done = ::send(socket, &request, sizeof request, 0) >= 0 && ::recv(socket, &answer, sizeof answer, 0) > 0;
  ::close(socket);
  if (done && answer.header.nlmsg_type == NLMSG_ERROR && answer.result.error) {
    errno = -answer.result.error;
    return false;
  }
  return done;
}

}  // namespace imgb::stub
