#include "document/font.h"

#include <hb-ot.h>
#include <hb-subset.h>

#include "document/impl/cff.h"
#include "document/impl/utf8.h"

namespace chengxin::document {
namespace {

template <auto destroy>
struct Release {
  template <typename T>
  void operator()(T* each) const {
    destroy(each);
  }
};
using Blob = std::unique_ptr<hb_blob_t, Release<hb_blob_destroy>>;
using HbFace = std::unique_ptr<hb_face_t, Release<hb_face_destroy>>;
using HbFont = std::unique_ptr<hb_font_t, Release<hb_font_destroy>>;
using SubsetInput = std::unique_ptr<hb_subset_input_t, Release<hb_subset_input_destroy>>;

ByteView bytes_of(hb_blob_t* blob) {
  unsigned size = 0;
  const char* data = hb_blob_get_data(blob, &size);
  return {reinterpret_cast<const uint8_t*>(data), size};
}

constexpr hb_tag_t kCff = HB_TAG('C', 'F', 'F', ' ');
// What glyphs placed one by one have no use for.
constexpr hb_tag_t kDropped[] = {HB_TAG('G', 'S', 'U', 'B'), HB_TAG('G', 'P', 'O', 'S'),
                                 HB_TAG('G', 'D', 'E', 'F'), HB_TAG('B', 'A', 'S', 'E'),
                                 HB_TAG('V', 'O', 'R', 'G'), HB_TAG('v', 'h', 'e', 'a'),
                                 HB_TAG('v', 'm', 't', 'x'), HB_TAG('D', 'S', 'I', 'G')};

tl::unexpected<Error> bad_font(const FontFile& file, std::string_view what) {
  return fail(Code::invalid_argument, "document.font", "{} (face {}): {}", file.path.string(), file.index,
              what);
}

// 'head' (OpenType 1.9): the box of all glyphs at byte 36, in font units.
std::array<int, 4> box_of(hb_face_t* face, int units) {
  Blob head(hb_face_reference_table(face, HB_TAG('h', 'e', 'a', 'd')));
  Reader in(bytes_of(head.get()));
  in.take(36);
  std::array<int, 4> box{};
  for (int& each : box) each = int16_t(in.be<uint16_t>()) * 1000 / units;
  return box;
}

}  // namespace

struct Fonts::Loaded {
  FontFile file;
  HbFace face;
  HbFont font;
  int units = 1000;
  FontMetrics metrics;
};

std::array<FontFile, 2> Fonts::of_system() {
  constexpr unsigned kSimplifiedChinese = 2;
  const fs::path folder = "/usr/share/fonts/opentype/noto";
  return {FontFile{folder / "NotoSerifCJK-Regular.ttc", kSimplifiedChinese},
          FontFile{folder / "NotoSansCJK-Bold.ttc", kSimplifiedChinese}};
}

Result<Fonts> Fonts::load(const std::array<FontFile, 2>& files) {
  Fonts out;
  for (size_t i = 0; i < files.size(); ++i) {
    auto loaded = std::make_shared<Loaded>();
    loaded->file = files[i];
    Blob blob(hb_blob_create_from_file_or_fail(files[i].path.c_str()));
    if (!blob) return bad_font(files[i], "cannot be read");
    if (files[i].index >= hb_face_count(blob.get())) return bad_font(files[i], "has no such face");
    loaded->face.reset(hb_face_create(blob.get(), files[i].index));
    hb_face_make_immutable(loaded->face.get());
    Blob cff(hb_face_reference_table(loaded->face.get(), kCff));
    if (!has_identity_cids(bytes_of(cff.get()), hb_face_get_glyph_count(loaded->face.get())))
      return bad_font(files[i], "has no CFF outlines that are keyed by CID");
    loaded->font.reset(hb_font_create(loaded->face.get()));
    hb_font_make_immutable(loaded->font.get());
    loaded->units = int(hb_face_get_upem(loaded->face.get()));

    hb_font_extents_t extents{};
    hb_font_get_h_extents(loaded->font.get(), &extents);
    char name[64] = "";
    unsigned size = sizeof name;
    hb_ot_name_get_utf8(loaded->face.get(), HB_OT_NAME_ID_POSTSCRIPT_NAME, HB_LANGUAGE_INVALID, &size, name);
    loaded->metrics = {name, extents.ascender * 1000 / loaded->units,
                       extents.descender * 1000 / loaded->units, box_of(loaded->face.get(), loaded->units)};
    out.faces_[i] = std::move(loaded);
  }
  return out;
}

Result<std::vector<Glyph>> Fonts::shape(Face face, std::string_view text) const {
  const Loaded& loaded = *faces_[size_t(face)];
  ASSIGN(const std::u32string characters, characters_of(text));
  std::vector<Glyph> out;
  out.reserve(characters.size());
  for (char32_t each : characters) {
    if (each == '\n') {
      out.push_back({.character = each});
      continue;
    }
    if (each == '\t') each = ' ';
    hb_codepoint_t glyph = 0;
    if (!hb_font_get_nominal_glyph(loaded.font.get(), each, &glyph) || glyph == 0)
      return fail(Code::unsupported, "document.glyph_missing", "U+{:04X} is not in {}", uint32_t(each),
                  loaded.metrics.name);
    const int advance = hb_font_get_glyph_h_advance(loaded.font.get(), glyph);
    out.push_back({each, uint16_t(glyph), double(advance) / loaded.units});
  }
  return out;
}

Result<FontSubset> Fonts::subset(Face face, const std::set<char32_t>& characters) const {
  const Loaded& loaded = *faces_[size_t(face)];
  SubsetInput input(hb_subset_input_create_or_fail());
  if (!input) return bad_font(loaded.file, "no subset can be made");
  for (char32_t each : characters) hb_set_add(hb_subset_input_unicode_set(input.get()), each);
  for (hb_tag_t each : kDropped)
    hb_set_add(hb_subset_input_set(input.get(), HB_SUBSET_SETS_DROP_TABLE_TAG), each);
  HbFace made(hb_subset_or_fail(loaded.face.get(), input.get()));
  if (!made) return bad_font(loaded.file, "no subset can be made");
  Blob opentype(hb_face_reference_blob(made.get()));
  Blob cff(hb_face_reference_table(made.get(), kCff));
  return FontSubset{to_bytes(bytes_of(opentype.get())), to_bytes(bytes_of(cff.get()))};
}

const FontMetrics& Fonts::metrics(Face face) const { return faces_[size_t(face)]->metrics; }

}  // namespace chengxin::document
