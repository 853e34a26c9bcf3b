# chengxin_embed(TARGET NAMESPACE NAME FILE) compiles the bytes of FILE into TARGET as
# `extern const std::string_view NAMESPACE::NAME`. A file that does not exist gives an
# empty view, unless GENERATED says that the build makes it.
function(chengxin_embed target namespace name file)
  get_filename_component(absolute ${file} ABSOLUTE)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/embedded_${name}.cpp)
  set(depends)
  if(EXISTS ${absolute} OR "GENERATED" IN_LIST ARGN)
    set(depends ${absolute})
  endif()
  add_custom_command(
    OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DIN=${absolute} -DOUT=${out} -DNAMESPACE=${namespace} -DNAME=${name}
            -P ${PROJECT_SOURCE_DIR}/cmake/embed_file.cmake
    DEPENDS ${depends} ${PROJECT_SOURCE_DIR}/cmake/embed_file.cmake)
  target_sources(${target} PRIVATE ${out})
endfunction()
