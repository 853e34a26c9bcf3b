#include "inspect/inspect.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <random>

#include "base/file.h"

namespace chengxin::inspect {
namespace {

// Made by other programs (samples/README.md).
struct Sample {
  std::string name;
  Type type;
};
const std::vector<Sample> kSamples = {
    {"photo.jpg", Type::jpeg},  {"photo.png", Type::png},      {"mark.gif", Type::gif},
    {"photo.webp", Type::webp}, {"scan.tiff", Type::tiff},     {"paper.pdf", Type::pdf},
    {"paper.ofd", Type::ofd},   {"contract.docx", Type::docx}, {"table.xlsx", Type::xlsx},
    {"several.zip", Type::zip}, {"clip.mp4", Type::mp4},       {"note.txt", Type::text},
};
Bytes sample(const std::string& name) {
  return read_file(fs::path(CHENGXIN_SOURCE_DIR) / "src/inspect/samples" / name, 1 << 20).value();
}

std::string verdict(const Result<Type>& result) {
  return result ? std::string(media_type(*result)) : result.error().reason;
}
std::string verdict(std::string_view content, std::string_view name, const Limits& limits = {}) {
  return verdict(inspect(view(content), name, limits));
}
using namespace std::string_view_literals;

// A ZIP in which everything can be wrong. Nothing is compressed unless `deflated`.
struct Part {
  std::string name, content = "x";
  bool deflated = false;
  int64_t declared = -1;  // unpacked; that of the content when negative
  uint16_t flags = 0;
  int64_t place = -1;  // of its local header, as the table of contents says
};

std::string little(uint64_t value, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out.push_back(i < 8 ? char(value >> 8 * i) : 0);
  return out;
}

std::string deflated(const std::string& plain) {
  std::string out(plain.size() + 1000, '\0');
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = uInt(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = uInt(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zip(const std::vector<Part>& parts, std::string_view comment = "") {
  std::string out, directory;
  for (const Part& part : parts) {
    const std::string packed = part.deflated ? deflated(part.content) : part.content;
    const uint64_t unpacked = part.declared < 0 ? part.content.size() : uint64_t(part.declared);
    const std::string common = little(part.flags, 2) + little(part.deflated ? 8 : 0, 2) + little(0, 8) +
                               little(packed.size(), 4) + little(unpacked, 4) + little(part.name.size(), 2) +
                               little(0, 2);
    const uint64_t place = part.place < 0 ? out.size() : uint64_t(part.place);
    out += "PK\x03\x04" + little(20, 2) + common + part.name + packed;
    directory +=
        "PK\x01\x02" + little(20, 2) + little(20, 2) + common + little(0, 10) + little(place, 4) + part.name;
  }
  return out + directory + "PK\x05\x06" + little(0, 4) + little(parts.size(), 2) + little(parts.size(), 2) +
         little(directory.size(), 4) + little(out.size(), 4) + little(comment.size(), 2) +
         std::string(comment);
}

Part types(std::string_view kind, bool pack = true) {
  return {"[Content_Types].xml",
          fmt::format("<Types><Override PartName=\"/word/document.xml\" "
                      "ContentType=\"application/vnd.{}.main+xml\"/></Types>",
                      kind),
          pack};
}
constexpr std::string_view kDocument = "openxmlformats-officedocument.wordprocessingml.document";

TEST(Inspect, NamesWhatOtherProgramsMade) {
  for (const Sample& one : kSamples) {
    const Bytes content = sample(one.name);
    EXPECT_EQ(verdict(inspect(content, one.name)), media_type(one.type)) << one.name;
    // Piece by piece it is the same.
    Inspector inspector(one.name, {});
    for (uint8_t byte : content) ASSERT_TRUE(inspector.update({&byte, 1}));
    EXPECT_EQ(verdict(inspector.finish()), media_type(one.type)) << one.name;
  }
}

// libmagic as another opinion; it does not know OFD.
TEST(Inspect, AgreesWithFile) {
  for (const Sample& one : kSamples) {
    const std::string command =
        fmt::format("file --brief --mime-type {}/src/inspect/samples/{}", CHENGXIN_SOURCE_DIR, one.name);
    FILE* pipe = ::popen(command.c_str(), "r");
    char line[200] = "";
    ASSERT_TRUE(::fgets(line, sizeof line, pipe));
    ASSERT_EQ(::pclose(pipe), 0);
    const std::string said(line, std::strcspn(line, "\n"));
    EXPECT_EQ(said, one.type == Type::ofd ? "application/zip" : media_type(one.type)) << one.name;
  }
}

TEST(Inspect, RefusesWhatIsNotAllowed) {
  for (const Sample& one : kSamples) {
    Limits limits;
    std::erase(limits.allowed, one.type);
    EXPECT_EQ(verdict(inspect(sample(one.name), one.name, limits)), "inspect.not_allowed") << one.name;
  }
}

TEST(Inspect, TheNameMustAgree) {
  for (const Sample& one : kSamples)
    for (const Sample& other : kSamples) {
      if (one.type == other.type) continue;
      EXPECT_EQ(verdict(inspect(sample(one.name), other.name)), "inspect.name")
          << one.name << " as " << other.name;
    }
  const Bytes pdf = sample("paper.pdf");
  for (std::string_view name : {"合同.PDF", "a.b.pdf", ".pdf"})
    EXPECT_EQ(verdict(inspect(pdf, name)), "application/pdf") << name;
  for (std::string_view name :
       {"", "paper", "paper.pdf.exe", "paper.pdf ", "../paper.pdf", "a\\paper.pdf", "a\npaper.pdf",
        "paper\xe2\x80\xae"
        "exe.pdf",
        "paper.pdf."})
    EXPECT_EQ(verdict(inspect(pdf, name)), "inspect.name") << name;
}

TEST(Inspect, RefusesBySize) {
  Limits limits;
  limits.max_bytes = 100;
  EXPECT_EQ(verdict(std::string(100, 'x'), "a.txt", limits), "text/plain");
  EXPECT_EQ(verdict(std::string(101, 'x'), "a.txt", limits), "inspect.too_large");
  Inspector inspector("a.txt", limits);
  EXPECT_TRUE(inspector.update(Bytes(60, 'x')));
  EXPECT_EQ(inspector.update(Bytes(60, 'x')).error().reason, "inspect.too_large") << "known before the end";
  EXPECT_EQ(verdict("", "a.txt"), "inspect.empty");
}

TEST(Inspect, RefusesProgramsAndScripts) {
  for (const fs::path& program : {fs::path("/bin/ls"), fs::read_symlink("/proc/self/exe")}) {
    FILE* file = std::fopen(program.c_str(), "r");
    Bytes head(4096);
    ASSERT_EQ(std::fread(head.data(), 1, head.size(), file), head.size());
    std::fclose(file);
    for (std::string_view name : {"ls", "ls.pdf", "ls.txt"})
      EXPECT_EQ(verdict(inspect(head, name)), "inspect.program");
  }
  for (std::string_view content :
       {"MZ\x90\0\x03"sv, "#!/bin/sh\nrm -rf /\n"sv, "\xca\xfe\xba\xbe\0\0"sv, "\0asm\x01\0\0\0"sv,
        "dex\n035\0"sv, "\xef\xbb\xbf  <?php system($_GET[0]);"sv, "<HTML><body>"sv, "\n<!DOCTYPE html>"sv,
        "<svg onload=x>"sv, "<script>"sv, "@echo off\r\nformat c:"sv, "L\0\0\0\x01\x14\x02\0"sv})
    EXPECT_EQ(verdict(content, "note.txt"), "inspect.program") << content;
}

TEST(Inspect, RefusesWhatItDoesNotKnow) {
  for (std::string_view content :
       {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0"sv, "Rar!\x1a\x07\x01\0"sv, "7z\xbc\xaf\x27\x1c"sv, "\0\0\0\0"sv,
        "\0\0\0\x18"
        "ftypheic"sv,
        "RIFF\0\0\0\0WAVE"sv, "\x89PNG\r\n\x1a\nno header"sv, "text\x01"sv, "text\0"sv})
    EXPECT_EQ(verdict(content, "note.txt"), "inspect.unknown") << content;
}

TEST(Inspect, TextInBothOfTheEncodingsInUse) {
  EXPECT_EQ(verdict("\xef\xbb\xbf"
                    "BOM\tand\r\nlines\f",
                    "a.csv"),
            "text/plain");
  EXPECT_EQ(verdict("\xcf\xd6\xb3\xa1\xbc\xc7\xc2\xbc", "a.txt"), "text/plain") << "现场记录 in GB 18030";
  EXPECT_EQ(verdict("\x81\x30\x81\x30 four bytes", "a.txt"), "text/plain");
  EXPECT_EQ(verdict("\xf0\xa0\x80\x80 \xed\x9f\xbf \xf4\x8f\xbf\xbf", "a.txt"), "text/plain");
  for (std::string_view wrong : {"\xe7\x20\x20"sv, "caf\xe9"sv,
                                 "\xff\xfe"
                                 "a\0"sv,
                                 "\x80"sv, "ends in \xe7"sv})
    EXPECT_EQ(verdict(wrong, "a.txt"), "inspect.unknown") << wrong;
}

TEST(Inspect, OfficeDocumentsByTheirContentTypes) {
  EXPECT_EQ(verdict(zip({types(kDocument), {"word/document.xml"}}), "a.docx"), media_type(Type::docx));
  EXPECT_EQ(verdict(zip({{"word/document.xml"}, types(kDocument, false)}), "a.docx"), media_type(Type::docx))
      << "the last, stored";
  // In the middle of what is kept of a large file it cannot be looked at.
  const Part large{"word/media/image1.png", std::string(5 << 20, 'p')};
  EXPECT_EQ(verdict(zip({types(kDocument), large}), "a.docx"), media_type(Type::docx));
  EXPECT_EQ(verdict(zip({large, types(kDocument)}), "a.docx"), media_type(Type::docx));
  EXPECT_EQ(verdict(zip({large, types(kDocument), {"b", large.content}}), "a.docx"), "inspect.archive");
  EXPECT_EQ(verdict(zip({types("openxmlformats-officedocument.presentationml.presentation")}), "a.docx"),
            "inspect.unknown");
  EXPECT_EQ(verdict(zip({types("ms-word.document.macroEnabled")}), "a.docx"), "inspect.macros");
  EXPECT_EQ(verdict(zip({types(kDocument), {"word/vbaProject.bin"}}), "a.docx"), "inspect.macros");
  // Named like one only.
  EXPECT_EQ(verdict(zip({{"word/document.xml"}}), "a.docx"), "inspect.name");
  Part longer = types(kDocument);
  longer.declared = 10;
  EXPECT_EQ(verdict(zip({longer}), "a.docx"), "inspect.archive") << "more than it says";
}

TEST(Inspect, RefusesBombsByWhatTheyDeclare) {
  const std::string zeros(20 << 20, '\0');
  EXPECT_EQ(verdict(zip({{"a.txt", zeros, true}}), "a.zip"), "inspect.bomb") << "a thousand to one";
  EXPECT_EQ(verdict(zip({{"a.txt", zeros}}), "a.zip"), "application/zip") << "stored";
  EXPECT_EQ(verdict(zip({{"a.txt", "x", true, 2'000'000'000}}), "a.zip"), "inspect.bomb");
  std::vector<Part> many, shared;
  for (int i = 0; i < 400; ++i)
    shared.push_back({fmt::format("{:04}", i), std::string(1000, 'x'), false, -1, 0, 0});
  EXPECT_EQ(verdict(zip(shared), "a.zip"), "inspect.bomb") << "all of them are the same bytes";
  Limits limits;
  limits.max_entries = 100;
  for (int i = 0; i < 101; ++i) many.push_back({fmt::format("{:03}", i)});
  EXPECT_EQ(verdict(zip(many), "a.zip", limits), "inspect.bomb");
  many.pop_back();
  EXPECT_EQ(verdict(zip(many), "a.zip", limits), "application/zip");
}

TEST(Inspect, RefusesArchivesThatCanBeReadInTwoWays) {
  const std::string good = zip({{"a.txt"}, {"b/c.txt"}});
  EXPECT_EQ(verdict(good, "a.zip"), "application/zip");
  EXPECT_EQ(verdict(zip({{"a.txt"}}, "a comment"), "a.zip"), "application/zip");
  EXPECT_EQ(verdict(good + "more", "a.zip"), "inspect.archive");
  EXPECT_EQ(verdict(zip({{"a.txt"}, {"a.txt"}}), "a.zip"), "inspect.archive");
  EXPECT_EQ(verdict(zip({{"a.txt", "x", false, -1, 1}}), "a.zip"), "inspect.archive") << "encrypted";
  EXPECT_EQ(verdict(zip({{"a.txt", "x", false, 9}}), "a.zip"), "inspect.archive") << "stored in two sizes";
  EXPECT_EQ(verdict(zip({{"a.txt", "x", true, 0xffffffff}}), "a.zip"), "inspect.archive") << "ZIP64";
  for (const std::string& name :
       {std::string("../a"), std::string("/a"), std::string("a/../../b"), std::string("a\\b"),
        std::string(".."), std::string("a\0b", 3), std::string()})
    EXPECT_EQ(verdict(zip({{name}}), "a.zip"), "inspect.archive") << name;
  for (std::string_view name : {"run.exe", "a/B.Bat", "x.js", "lib.jar"})
    EXPECT_EQ(verdict(zip({{std::string(name)}}), "a.zip"), "inspect.program") << name;
}

TEST(Inspect, NoBendingOfAnArchiveGetsThroughUnread) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 engine(seed);
  for (const std::string name : {"contract.docx", "table.xlsx", "paper.ofd", "several.zip"}) {
    const Bytes good = sample(name);
    for (size_t size = 0; size < good.size(); size += 1 + size / 16)
      EXPECT_FALSE(inspect(ByteView(good).first(size), name)) << size;
    for (int i = 0; i < 2000; ++i) {
      Bytes bent = good;
      const size_t from = i % 2 ? 0 : good.size() - std::min<size_t>(good.size(), 400);
      bent[from + engine() % (good.size() - from)] = uint8_t(engine());
      (void)inspect(bent, name);  // whatever it says, it stays within the bytes
    }
  }
}

}  // namespace
}  // namespace chengxin::inspect
