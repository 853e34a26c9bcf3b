#pragma once
#include <map>
#include <memory>
#include <set>

#include "base/file.h"

// The two faces that documents are set in, from OpenType files with CFF outlines keyed by CID (Noto CJK,
// Source Han).
namespace chengxin::document {

enum class Face : uint8_t { body, strong };
inline constexpr Face kFaces[] = {Face::body, Face::strong};

struct FontFile {
  fs::path path;
  unsigned index = 0;  // in a collection
};

// A character with its glyph. `advance` is in em.
struct Glyph {
  char32_t character = 0;
  uint16_t id = 0;
  double advance = 0;
};

struct FontMetrics {
  std::string name;  // PostScript name
  int ascent = 0, descent = 0;
  std::array<int, 4> box{};  // left, bottom, right, top; thousandths of an em, as ascent and descent
};

struct FontSubset {
  Bytes opentype;  // with a cmap of the characters kept
  Bytes cff;       // its outlines alone; CIDs are the glyph ids of the whole font
};

// Safe to use from several threads at once.
class Fonts {
 public:
  // Simplified Chinese of Noto: Serif for what is read (宋体), bold Sans for what is seen (黑体).
  static std::array<FontFile, 2> of_system();
  // Maps the files; they must not change while they are used. Error: document.font.
  static Result<Fonts> load(const std::array<FontFile, 2>& files = of_system());

  // One glyph a character; a line feed has none and is kept, a tabulator is a space. Errors: document.text
  // (not UTF-8, or a control character), document.glyph_missing: a document that would show an empty box
  // instead of a person's name is not made.
  Result<std::vector<Glyph>> shape(Face face, std::string_view text) const;
  // Error: document.font.
  Result<FontSubset> subset(Face face, const std::set<char32_t>& characters) const;
  const FontMetrics& metrics(Face face) const;

 private:
  struct Loaded;
  std::array<std::shared_ptr<const Loaded>, 2> faces_;
};

}  // namespace chengxin::document
