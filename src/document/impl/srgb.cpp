#include "document/impl/srgb.h"

namespace chengxin::document {
namespace {

struct Tag {
  const char* name;
  Bytes data;
};

Bytes typed(std::string_view type) {
  Bytes out = to_bytes(view(type));
  put_be<uint32_t>(out, 0);
  return out;
}
Bytes text_tag(std::string_view text) {
  Bytes out = typed("text");
  append(out, view(text));
  out.push_back(0);
  return out;
}
// 6.5.17: ASCII alone, the other two forms empty.
Bytes description_tag(std::string_view text) {
  Bytes out = typed("desc");
  put_be<uint32_t>(out, uint32_t(text.size() + 1));
  append(out, view(text));
  out.resize(out.size() + 1 + 4 + 4 + 2 + 1 + 67);
  return out;
}
Bytes xyz_tag(std::array<double, 3> xyz) {
  Bytes out = typed("XYZ ");
  for (double each : xyz) put_be<int32_t>(out, int32_t(each * 65536 + 0.5));  // s15Fixed16Number
  return out;
}
Bytes gamma_tag() {
  Bytes out = typed("curv");
  put_be<uint32_t>(out, 1);
  put_be<uint16_t>(out, 563);  // 2.2 as u8Fixed8Number
  return out;
}

// 6.1; what is not set is zero.
Bytes header(uint32_t size) {
  Bytes out;
  put_be(out, size);
  put_be<uint32_t>(out, 0);
  put_be<uint32_t>(out, 0x02100000);
  append(out, view("mntrRGB XYZ "));
  for (uint16_t each : {2026, 1, 1, 0, 0, 0}) put_be(out, each);
  append(out, view("acsp"));
  out.resize(68);
  for (uint32_t each : {0xf6d6u, 0x10000u, 0xd32du}) put_be(out, each);  // D50
  out.resize(128);
  return out;
}

}  // namespace

Bytes srgb_profile() {
  const Tag tags[] = {{"desc", description_tag("sRGB")},
                      {"cprt", text_tag("No copyright")},
                      {"wtpt", xyz_tag({0.9642, 1.0, 0.8249})},
                      {"rXYZ", xyz_tag({0.4360, 0.2225, 0.0139})},
                      {"gXYZ", xyz_tag({0.3851, 0.7169, 0.0971})},
                      {"bXYZ", xyz_tag({0.1431, 0.0606, 0.7141})},
                      {"rTRC", gamma_tag()},
                      {"gTRC", gamma_tag()},
                      {"bTRC", gamma_tag()}};
  const size_t start = 128 + 4 + 12 * std::size(tags);
  Bytes table, data;
  put_be<uint32_t>(table, uint32_t(std::size(tags)));
  for (const Tag& tag : tags) {
    append(table, view(tag.name));
    put_be(table, uint32_t(start + data.size()));
    put_be(table, uint32_t(tag.data.size()));
    append(data, tag.data);
    data.resize((data.size() + 3) / 4 * 4);
  }
  Bytes out = header(uint32_t(start + data.size()));
  append(out, table);
  append(out, data);
  return out;
}

}  // namespace chengxin::document
