# Everything that comes from outside, each as one target.
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(GTest REQUIRED)
find_package(Protobuf REQUIRED)
find_package(CLI11 REQUIRED)
find_package(tl-expected QUIET)
find_package(PkgConfig REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(PostgreSQL REQUIRED)
pkg_check_modules(YAML_CPP REQUIRED IMPORTED_TARGET yaml-cpp)
pkg_check_modules(PUGIXML REQUIRED IMPORTED_TARGET pugixml)
pkg_check_modules(ROCKSDB REQUIRED IMPORTED_TARGET rocksdb)

# RocksDB from its archive where that is installed: a write costs a fifth less than through the shared library, whose
# thread-local counters are a call each. The archive's own dependencies are those it was built with.
add_library(rocksdb INTERFACE)
find_library(ROCKSDB_ARCHIVE librocksdb.a)
set(archives ${ROCKSDB_ARCHIVE})
foreach(name snappy lz4 zstd bz2 z gflags)
  find_library(ROCKSDB_NEEDS_${name} NAMES lib${name}.a ${name})
  list(APPEND archives ${ROCKSDB_NEEDS_${name}})
endforeach()
if(archives MATCHES NOTFOUND)
  target_link_libraries(rocksdb INTERFACE PkgConfig::ROCKSDB)
else()
  target_link_libraries(rocksdb INTERFACE ${archives} Threads::Threads ${CMAKE_DL_LIBS})
endif()
find_package(CURL REQUIRED)
find_package(ZLIB REQUIRED)
pkg_check_modules(HARFBUZZ_SUBSET REQUIRED IMPORTED_TARGET harfbuzz-subset)
pkg_check_modules(LIBPNG REQUIRED IMPORTED_TARGET libpng)
pkg_check_modules(LIBQRENCODE REQUIRED IMPORTED_TARGET libqrencode)
# What the product's binary allocates with: docs/adr/0024.
pkg_check_modules(JEMALLOC REQUIRED IMPORTED_TARGET jemalloc)

# Tongsuo: static, built by third_party/tongsuo/build; only the crypto module sees its headers. Whoever links it hides
# its symbols, because libpq, libcurl and others load the system's OpenSSL into the same process.
execute_process(COMMAND ${PROJECT_SOURCE_DIR}/third_party/tongsuo/build
                OUTPUT_VARIABLE TONGSUO OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
add_library(tongsuo INTERFACE)
target_include_directories(tongsuo SYSTEM INTERFACE ${TONGSUO}/include)
target_link_libraries(tongsuo INTERFACE ${TONGSUO}/lib/libssl.a ${TONGSUO}/lib/libcrypto.a Threads::Threads)
target_link_options(tongsuo INTERFACE LINKER:--exclude-libs,libssl.a:libcrypto.a)
