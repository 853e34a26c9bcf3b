# chengxin_module(NAME [USES module…] [LIBRARIES target…] [PROTO file…])
#
# Makes the library cx_NAME from src/NAME/*.cpp and src/NAME/impl/*.cpp, and, from src/NAME/*_test.cpp, the test
# program NAME_test. Modules are listed bottom-up in src/CMakeLists.txt: USES of a module not yet defined is an error,
# so a cycle cannot be configured. `tools/tidy` compares the includes of each module with its USES.
# With CHENGXIN_FUZZ, each src/NAME/*_fuzz.cpp becomes a libFuzzer program instead of the tests.
set_property(GLOBAL PROPERTY CHENGXIN_MODULES "")
if(CHENGXIN_FUZZ)
  add_custom_target(fuzzers)  # with no more of the modules than they need
endif()

function(chengxin_module name)
  cmake_parse_arguments(arg "" "" "USES;LIBRARIES;PROTO;TEST_LIBRARIES" ${ARGN})
  get_property(known GLOBAL PROPERTY CHENGXIN_MODULES)
  foreach(used ${arg_USES})
    if(NOT used IN_LIST known)
      message(FATAL_ERROR "module ${name} uses ${used}, which is not defined before it")
    endif()
  endforeach()
  set_property(GLOBAL APPEND PROPERTY CHENGXIN_MODULES ${name})

  file(GLOB sources CONFIGURE_DEPENDS *.cpp impl/*.cpp)
  file(GLOB tests CONFIGURE_DEPENDS *_test.cpp *_for_tests.cpp)
  file(GLOB fuzzers CONFIGURE_DEPENDS *_fuzz.cpp)
  list(REMOVE_ITEM sources ${tests} ${fuzzers} "")
  list(FILTER sources EXCLUDE REGEX "_(test|fuzz|for_tests)\\.cpp$")

  list(TRANSFORM arg_USES PREPEND cx_)
  if(sources OR arg_PROTO)
    add_library(cx_${name} STATIC ${sources})
    set(scope PUBLIC)
  else()
    add_library(cx_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(cx_${name} ${scope} ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(cx_${name} ${scope} ${arg_USES} ${arg_LIBRARIES})
  if(arg_PROTO)
    chengxin_proto(cx_${name} ${arg_PROTO})
  endif()

  if(CHENGXIN_FUZZ)
    if(NOT scope STREQUAL INTERFACE)
      target_compile_options(cx_${name} PRIVATE -fsanitize=fuzzer-no-link)  # coverage of what is fuzzed, not of the fuzzer
    endif()
    foreach(fuzzer ${fuzzers})
      get_filename_component(program ${fuzzer} NAME_WE)
      add_executable(${program} ${fuzzer})
      target_link_libraries(${program} cx_${name})
      target_compile_options(${program} PRIVATE -fsanitize=fuzzer)
      target_link_options(${program} PRIVATE -fsanitize=fuzzer)
      add_dependencies(fuzzers ${program})
    endforeach()
  elseif(tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test cx_${name} ${arg_TEST_LIBRARIES} GTest::gtest_main)
    target_compile_definitions(${name}_test PRIVATE CHENGXIN_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    add_test(NAME ${name} COMMAND ${name}_test)
  endif()
endfunction()

# Generates C++ from .proto files into the build tree, included as "<module>/<file>.pb.h".
function(chengxin_proto target)
  foreach(proto ${ARGN})
    get_filename_component(absolute ${proto} ABSOLUTE)
    file(RELATIVE_PATH relative ${PROJECT_SOURCE_DIR}/src ${absolute})
    string(REGEX REPLACE "\\.proto$" "" stem ${relative})
    set(out ${CMAKE_BINARY_DIR}/generated/${stem}.pb)
    add_custom_command(
      OUTPUT ${out}.cc ${out}.h
      COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/generated
      COMMAND protobuf::protoc --proto_path=${PROJECT_SOURCE_DIR}/src --cpp_out=${CMAKE_BINARY_DIR}/generated ${absolute}
      DEPENDS ${absolute})
    target_sources(${target} PRIVATE ${out}.cc PUBLIC ${out}.h)
    set_source_files_properties(${out}.cc PROPERTIES COMPILE_OPTIONS "-w")
  endforeach()
  target_include_directories(${target} SYSTEM PUBLIC ${CMAKE_BINARY_DIR}/generated)
  target_link_libraries(${target} PUBLIC protobuf::libprotobuf)
endfunction()

# chengxin_npm_packages(TARGET [file…]): installs what package-lock.json of this folder lists, again when it or one of the
# files changes.
function(chengxin_npm_packages target)
  set(packages ${CMAKE_CURRENT_SOURCE_DIR}/node_modules/.package-lock.json)
  add_custom_command(
    OUTPUT ${packages}
    COMMAND npm ci --ignore-scripts --no-fund --no-audit --silent
    COMMAND ${CMAKE_COMMAND} -E touch ${packages}
    DEPENDS package.json package-lock.json ${ARGN}
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
    VERBATIM)
  add_custom_target(${target} ALL DEPENDS ${packages})
endfunction()
