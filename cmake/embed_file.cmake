set(hex "")
if(EXISTS ${IN})
  file(READ ${IN} hex HEX)
endif()
string(LENGTH "${hex}" digits)
math(EXPR size "${digits} / 2")
string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
file(WRITE ${OUT}.new "#include <string_view>
namespace ${NAMESPACE} {
static const unsigned char bytes_${NAME}[] = {${bytes}0};
extern const std::string_view ${NAME};
const std::string_view ${NAME}{reinterpret_cast<const char*>(bytes_${NAME}), ${size}};
}
")
file(RENAME ${OUT}.new ${OUT})
