// A peer made with oscpack 1.1, which many C++ programs carry inside them.
//
//   oscpack-peer listen PORT   prints `ready`, then a line for each message and for each bundle's beginning and end
//   oscpack-peer send PORT     sends the packets that the lines of standard input describe
//
// The lines are those of line-text.ts.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <oscpack/ip/UdpSocket.h>
#include <oscpack/osc/OscOutboundPacketStream.h>
#include <oscpack/osc/OscPacketListener.h>
#include <sstream>
#include <string>
#include <vector>

namespace {

std::string encoded(const char *text) {
  std::string result = "\"";
  char buffer[4];
  for (const char *c = text; *c != 0; c++) {
    std::snprintf(buffer, sizeof buffer, "%%%02X", static_cast<unsigned char>(*c));
    result += buffer;
  }
  return result + "\"";
}

std::string decoded(const std::string &token) {
  std::string result;
  for (size_t i = 1; i + 1 < token.size(); i++) {
    if (token[i] == '%') {
      result += static_cast<char>(std::stoi(token.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      result += token[i];
    }
  }
  return result;
}

std::string bytesOf(const std::string &token) {
  std::string result;
  for (size_t i = 1; i + 2 < token.size(); i += 2) result += static_cast<char>(std::stoi(token.substr(i, 2), nullptr, 16));
  return result;
}

class Printer : public osc::OscPacketListener {
 protected:
  void ProcessBundle(const osc::ReceivedBundle &bundle, const IpEndpointName &from) override {
    std::printf("#bundle %016llx\n", static_cast<unsigned long long>(bundle.TimeTag()));
    osc::OscPacketListener::ProcessBundle(bundle, from);
    std::printf("#end\n");
    std::fflush(stdout);
  }

  void ProcessMessage(const osc::ReceivedMessage &message, const IpEndpointName &) override {
    const char *types = message.TypeTags();
    std::printf("%s ,%s", message.AddressPattern(), types == nullptr ? "" : types);
    for (auto argument = message.ArgumentsBegin(); argument != message.ArgumentsEnd(); ++argument) print(*argument);
    std::printf("\n");
    std::fflush(stdout);
  }

 private:
  static void print(const osc::ReceivedMessageArgument &argument) {
    switch (argument.TypeTag()) {
      case 'i': std::printf(" %d", static_cast<int>(argument.AsInt32())); break;
      case 'f': std::printf(" %.9g", static_cast<double>(argument.AsFloat())); break;
      case 'h': std::printf(" %lld", static_cast<long long>(argument.AsInt64())); break;
      case 'd': std::printf(" %.17g", argument.AsDouble()); break;
      case 't': std::printf(" %016llx", static_cast<unsigned long long>(argument.AsTimeTag())); break;
      case 's': std::printf(" %s", encoded(argument.AsString()).c_str()); break;
      case 'S': std::printf(" %s", encoded(argument.AsSymbol()).c_str()); break;
      case 'c': std::printf(" %d", argument.AsChar()); break;
      case 'r': std::printf(" %08lx", static_cast<unsigned long>(argument.AsRgbaColor())); break;
      case 'm': std::printf(" %08lx", static_cast<unsigned long>(argument.AsMidiMessage())); break;
      case 'b': {
        const void *data = nullptr;
        osc::osc_bundle_element_size_t size = 0;
        argument.AsBlob(data, size);
        std::printf(" <");
        for (osc::osc_bundle_element_size_t i = 0; i < size; i++) std::printf("%02x", static_cast<const unsigned char *>(data)[i]);
        std::printf(">");
        break;
      }
      default: break;
    }
  }
};

void append(osc::OutboundPacketStream &stream, const std::string &line) {
  std::istringstream words(line);
  std::string address, types, token;
  words >> address >> types;
  stream << osc::BeginMessage(address.c_str());
  for (char type : types.substr(1)) {
    switch (type) {
      case 'T': stream << true; continue;
      case 'F': stream << false; continue;
      case 'N': stream << osc::NilType(); continue;
      case 'I': stream << osc::InfinitumType(); continue;
      case '[': stream << osc::BeginArray; continue;
      case ']': stream << osc::EndArray; continue;
      default: words >> token;
    }
    switch (type) {
      case 'i': stream << static_cast<osc::int32>(std::stol(token)); break;
      case 'f': stream << std::stof(token); break;
      case 'h': stream << static_cast<osc::int64>(std::stoll(token)); break;
      case 'd': stream << std::stod(token); break;
      case 't': stream << osc::TimeTag(std::stoull(token, nullptr, 16)); break;
      case 's': stream << decoded(token).c_str(); break;
      case 'S': stream << osc::Symbol(decoded(token).c_str()); break;
      case 'c': stream << static_cast<char>(std::stoi(token)); break;
      case 'r': stream << osc::RgbaColor(static_cast<osc::uint32>(std::stoul(token, nullptr, 16))); break;
      case 'm': stream << osc::MidiMessage(static_cast<osc::uint32>(std::stoul(token, nullptr, 16))); break;
      case 'b': {
        const std::string bytes = bytesOf(token);
        stream << osc::Blob(bytes.data(), static_cast<osc::osc_bundle_element_size_t>(bytes.size()));
        break;
      }
      default: throw std::runtime_error("no such type: " + line);
    }
  }
  stream << osc::EndMessage;
}

int sendAll(int port) {
  UdpTransmitSocket socket(IpEndpointName("127.0.0.1", port));
  std::vector<char> buffer(65536);
  std::string line;
  while (std::getline(std::cin, line)) {
    osc::OutboundPacketStream stream(buffer.data(), buffer.size());
    int depth = 0;
    do {
      if (line.rfind("#bundle ", 0) == 0) {
        stream << osc::BeginBundle(std::stoull(line.substr(8), nullptr, 16));
        depth++;
      } else if (line == "#end") {
        stream << osc::EndBundle;
        depth--;
      } else {
        append(stream, line);
      }
    } while (depth > 0 && std::getline(std::cin, line));
    socket.Send(stream.Data(), stream.Size());
  }
  return 0;
}

int listenForever(int port) {
  Printer printer;
  UdpListeningReceiveSocket socket(IpEndpointName("127.0.0.1", port), &printer);
  std::printf("ready\n");
  std::fflush(stdout);
  socket.Run();
  return 0;
}

}  // namespace

int main(int count, char **words) {
  const std::string what = count == 3 ? words[1] : "";
  if (what == "listen") return listenForever(std::atoi(words[2]));
  if (what == "send") return sendAll(std::atoi(words[2]));
  std::fprintf(stderr, "usage: oscpack-peer listen PORT | send PORT\n");
  return 2;
}
