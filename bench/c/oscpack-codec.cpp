// Times oscpack's codec. Usage: oscpack-codec FILE…, each file holding one packet. For each file prints "decode NS encode NS" for one
// operation. Decoding means reading every argument, because oscpack decodes lazily.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <oscpack/osc/OscOutboundPacketStream.h>
#include <oscpack/osc/OscReceivedElements.h>
#include <vector>

static const double ROUND_NS = 2e6;
static char packet[65536], written[65536];
static volatile double kept;

static double now() {
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

static double readMessage(const osc::ReceivedMessage &message) {
  double sum = message.AddressPattern()[1];
  for (auto argument = message.ArgumentsBegin(); argument != message.ArgumentsEnd(); ++argument) {
    if (argument->IsFloat()) sum += argument->AsFloat();
    else if (argument->IsInt32()) sum += argument->AsInt32();
    else if (argument->IsString()) sum += argument->AsString()[0];
    else if (argument->IsBlob()) {
      const void *data;
      osc::osc_bundle_element_size_t size;
      argument->AsBlob(data, size);
      sum += size;
    }
  }
  return sum;
}

static void decodeOnce(std::size_t size) {
  osc::ReceivedPacket received(packet, size);
  if (!received.IsBundle()) {
    kept = readMessage(osc::ReceivedMessage(received));
    return;
  }
  osc::ReceivedBundle bundle(received);
  for (auto element = bundle.ElementsBegin(); element != bundle.ElementsEnd(); ++element) kept = readMessage(osc::ReceivedMessage(*element));
}

struct Argument {
  char tag;
  float number;
  osc::int32 integer;
  const char *text;
  osc::Blob blob;
};

struct Message {
  const char *address;
  std::vector<Argument> arguments;
};

/// The messages to encode, extracted from the packet before timing.
static std::vector<Message> messages;
static bool isBundle;
static osc::uint64 timeTag;

static void takeMessage(const osc::ReceivedMessage &message) {
  Message taken{message.AddressPattern(), {}};
  for (auto argument = message.ArgumentsBegin(); argument != message.ArgumentsEnd(); ++argument) {
    Argument value{argument->TypeTag(), 0, 0, nullptr, osc::Blob(nullptr, 0)};
    if (argument->IsFloat()) value.number = argument->AsFloat();
    else if (argument->IsInt32()) value.integer = argument->AsInt32();
    else if (argument->IsString()) value.text = argument->AsString();
    else if (argument->IsBlob()) argument->AsBlob(value.blob.data, value.blob.size);
    taken.arguments.push_back(value);
  }
  messages.push_back(taken);
}

static void takePacket(std::size_t size) {
  osc::ReceivedPacket received(packet, size);
  messages.clear();
  isBundle = received.IsBundle();
  if (!isBundle) return takeMessage(osc::ReceivedMessage(received));
  osc::ReceivedBundle bundle(received);
  timeTag = bundle.TimeTag();
  for (auto element = bundle.ElementsBegin(); element != bundle.ElementsEnd(); ++element) takeMessage(osc::ReceivedMessage(*element));
}

static std::size_t encodeOnce() {
  osc::OutboundPacketStream stream(written, sizeof written);
  if (isBundle) stream << osc::BeginBundle(timeTag);
  for (const Message &message : messages) {
    stream << osc::BeginMessage(message.address);
    for (const Argument &argument : message.arguments) {
      if (argument.tag == osc::FLOAT_TYPE_TAG) stream << argument.number;
      else if (argument.tag == osc::INT32_TYPE_TAG) stream << argument.integer;
      else if (argument.tag == osc::STRING_TYPE_TAG) stream << argument.text;
      else stream << argument.blob;
    }
    stream << osc::EndMessage;
  }
  if (isBundle) stream << osc::EndBundle;
  return stream.Size();
}

template <class Work> static double time(Work work) {
  auto round = [&](long count) {
    double start = now();
    for (long i = 0; i < count; i++) work();
    return (now() - start) / count;
  };
  return round(static_cast<long>(ROUND_NS / round(100)) + 1);
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    FILE *in = std::fopen(argv[i], "rb");
    if (!in) return 1;
    std::size_t size = std::fread(packet, 1, sizeof packet, in);
    std::fclose(in);
    takePacket(size);
    if (encodeOnce() != size || std::memcmp(packet, written, size) != 0) {
      std::fprintf(stderr, "oscpack encodes other bytes\n");
      return 1;
    }
    double decode = time([&] { decodeOnce(size); });
    double encode = time([] { encodeOnce(); });
    std::printf("decode %f encode %f\n", decode, encode);
  }
}
