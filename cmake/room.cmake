# How a room is built: one static library of every .cc file in its folder, the rooms it may use PUBLIC, third-party
# libraries PRIVATE, so that no other room can include what a room wraps.

add_library(imgb_options INTERFACE)
target_compile_features(imgb_options INTERFACE cxx_std_20)
target_include_directories(imgb_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(imgb_options INTERFACE _GNU_SOURCE IMGB_VERSION="${PROJECT_VERSION}")
set(compiler_options -ffunction-sections -fdata-sections)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # gcc 12 sees overflows in std::string + that are not there.
  set(compiler_options -Wno-stringop-overflow -Wno-restrict -Wno-array-bounds ${compiler_options} -fpch-preprocess)
endif()
target_compile_options(imgb_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wno-missing-field-initializers
  ${compiler_options})
target_link_libraries(imgb_options INTERFACE fmt::fmt Threads::Threads)
target_link_options(imgb_options INTERFACE -Wl,--gc-sections -Wl,--as-needed)
if(IMGB_SANITIZE)
  # Undefined behaviour ends a program as every other finding does, and so does a wrong use of the standard library.
  target_compile_options(imgb_options INTERFACE -fsanitize=${IMGB_SANITIZE} -fno-sanitize-recover=all)
  target_compile_definitions(imgb_options INTERFACE _GLIBCXX_ASSERTIONS)
  target_link_options(imgb_options INTERFACE -fsanitize=${IMGB_SANITIZE})
endif()

include(${CMAKE_CURRENT_LIST_DIR}/dependencies.cmake)

# imgb_precompile(TARGET HEADER...): ccache knows a precompiled header by what it was made of. Its bytes hold the paths of
# this checkout, and no object made with it would ever be found again from another one.
function(imgb_precompile target)
  target_precompile_headers(${target} PRIVATE ${ARGN})
  string(SHA256 made_of "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION} ${CMAKE_BUILD_TYPE} ${CMAKE_CXX_FLAGS_DEBUG} \
${IMGB_SANITIZE} ${fmt_VERSION} ${GTest_VERSION} ${ARGN}")
  file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/CMakeFiles/${target}.dir/cmake_pch.hxx.gch.sum "${made_of}")
endfunction()

# One precompiled header for all rooms: the standard library and fmt are most of what every file reads.
add_library(imgb_pch OBJECT ${PROJECT_SOURCE_DIR}/cmake/pch.cc)
target_link_libraries(imgb_pch PRIVATE imgb_options)
imgb_precompile(imgb_pch <algorithm> <array> <chrono> <condition_variable> <cstddef> <cstdint> <cstring>
  <filesystem> <functional> <map> <memory> <mutex> <optional> <set> <span> <string> <string_view> <thread> <utility>
  <variant> <vector> <fmt/core.h>)

# imgb_room(NAME [USES room...] [LIBRARIES lib...] [EXCEPT file...])
function(imgb_room name)
  cmake_parse_arguments(ROOM "" "" "USES;LIBRARIES;EXCEPT" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  foreach(file ${ROOM_EXCEPT})
    list(REMOVE_ITEM sources ${CMAKE_CURRENT_SOURCE_DIR}/${file})
  endforeach()
  if(NOT sources)
    add_library(imgb_${name} INTERFACE)
    target_link_libraries(imgb_${name} INTERFACE imgb_options ${ROOM_USES})
    return()
  endif()
  add_library(imgb_${name} STATIC ${sources})
  target_link_libraries(imgb_${name} PUBLIC imgb_options ${ROOM_USES} PRIVATE ${ROOM_LIBRARIES})
  target_precompile_headers(imgb_${name} REUSE_FROM imgb_pch)
endfunction()

# imgb_part(NAME [USES room...] FILES file...): files of a room that others need without the libraries the room wraps.
function(imgb_part name)
  cmake_parse_arguments(PART "" "" "USES;FILES" ${ARGN})
  add_library(imgb_${name} STATIC ${PART_FILES})
  target_link_libraries(imgb_${name} PUBLIC imgb_options ${PART_USES})
  target_precompile_headers(imgb_${name} REUSE_FROM imgb_pch)
endfunction()
