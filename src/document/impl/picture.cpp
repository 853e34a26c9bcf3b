#include "document/impl/picture.h"

#include <png.h>
#include <qrencode.h>

#include <memory>

#include "base/check.h"

namespace chengxin::document {

Result<Pixels> read_png(ByteView png, size_t most) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  const auto bad = [&] {
    std::string why = image.message;
    png_image_free(&image);
    return fail(Code::invalid_argument, "document.image", "{}", why);
  };
  if (!png_image_begin_read_from_memory(&image, png.data(), png.size())) return bad();
  if (uint64_t(image.width) * image.height > most) {
    png_image_free(&image);
    return fail(Code::too_large, "document.image", "more than {} pixels", most);
  }
  image.format = PNG_FORMAT_RGB;
  Pixels out{image.width, image.height, Bytes(PNG_IMAGE_SIZE(image))};
  const png_color white{255, 255, 255};
  if (!png_image_finish_read(&image, &white, out.rgb.data(), 0, nullptr)) return bad();
  return out;
}

Result<std::vector<Rectangle>> qr_modules(std::string_view text, double x, double y, double side) {
  constexpr int kQuietZone = 4;   // modules, ISO/IEC 18004 section 6.3.8
  constexpr size_t kMost = 2331;  // bytes at level M in version 40
  if (text.empty() || text.size() > kMost)
    return fail(Code::invalid_argument, "document.qr", "{} bytes, 1 to {}", text.size(), kMost);
  const std::unique_ptr<QRcode, decltype(&QRcode_free)> code(
      QRcode_encodeData(int(text.size()), reinterpret_cast<const unsigned char*>(text.data()), 0,
                        QR_ECLEVEL_M),
      &QRcode_free);
  CHECK(code);
  const double module = side / (code->width + 2 * kQuietZone);
  const auto dark = [&](int row, int column) { return code->data[row * code->width + column] & 1; };
  std::vector<Rectangle> out;
  for (int row = 0; row < code->width; ++row)
    for (int column = 0, end = 0; column < code->width; column = end + 1) {
      for (end = column; end < code->width && dark(row, end);) ++end;
      if (end > column)
        out.push_back({x + (column + kQuietZone) * module, y + (row + kQuietZone) * module,
                       (end - column) * module, module});
    }
  return out;
}

}  // namespace chengxin::document
