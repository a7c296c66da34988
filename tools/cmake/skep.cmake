# SPDX-License-Identifier: Apache-2.0
# The project's words for CMake.
#
#   skep_room(NAME SOURCES a.c b.c LINK other_room libs…)     a static library of one room
#   skep_program(NAME SOURCES main.c LINK rooms…)              a program in ${CMAKE_BINARY_DIR}/bin
#   skep_test(NAME FLOOR unit SOURCES test_x.c LINK rooms…)    a cmocka program, run by ctest -L FLOOR
#   skep_fuzz(NAME SOURCES fuzz_x.c LINK rooms…)               a replayer over test/fuzz/corpus/NAME (and,
#                                                              with -DSKEP_FUZZ=ON and clang, a libFuzzer target)
# Rooms include each other as "room/noun.h" from the top of the tree.

set(SKEP_WARNINGS
    -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wsign-conversion -Wundef -Wvla
    -Wcast-qual -Wpointer-arith -Wwrite-strings -Wstrict-prototypes -Wmissing-prototypes
    -Wold-style-definition -Wredundant-decls -Wimplicit-fallthrough -Wformat=2
    -Wdouble-promotion -Wswitch-enum -Wfloat-equal -Wbad-function-cast
    -fno-common -Wno-format-truncation)
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
    # With inlining it guesses at paths that cannot be taken.
    list(APPEND SKEP_WARNINGS -Wnull-dereference)
endif()
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    list(APPEND SKEP_WARNINGS
        -Wduplicated-cond -Wlogical-op -Wjump-misses-init -Walloc-zero -Wtrampolines
        -Wuse-after-free=3 -Wstack-usage=65536)
    if(CMAKE_BUILD_TYPE STREQUAL "Sanitize")
        # Instrumented code trips the flow-based warnings.
        list(REMOVE_ITEM SKEP_WARNINGS -Wstack-usage=65536)
        list(APPEND SKEP_WARNINGS -Wno-maybe-uninitialized)
    endif()
endif()

set(SKEP_HARDENING -fstack-protector-strong -fstack-clash-protection -fPIE -fvisibility=hidden
    -fno-strict-overflow -ffunction-sections -fdata-sections)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
    list(APPEND SKEP_HARDENING -fcf-protection)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
    # asserts stay on; the cmake default of -DNDEBUG is taken out at the top
    list(APPEND SKEP_HARDENING -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
endif()
set(SKEP_LINK_HARDENING -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--gc-sections)

function(skep_compile_options target)
    target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
    target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
    target_compile_options(${target} PRIVATE ${SKEP_WARNINGS} ${SKEP_HARDENING} ${SKEP_SANITIZE})
    target_link_options(${target} PUBLIC ${SKEP_SANITIZE})
endfunction()

function(skep_room name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
    add_library(${name} STATIC ${ARG_SOURCES})
    skep_compile_options(${name})
    target_link_libraries(${name} PUBLIC ${ARG_LINK})
endfunction()

function(skep_program name)
    cmake_parse_arguments(ARG "STATIC" "" "SOURCES;LINK" ${ARGN})
    add_executable(${name} ${ARG_SOURCES})
    skep_compile_options(${name})
    target_link_libraries(${name} PRIVATE ${ARG_LINK})
    if(ARG_STATIC AND NOT SKEP_SANITIZE)
        target_link_options(${name} PRIVATE -static ${SKEP_LINK_HARDENING})
    else()
        target_link_options(${name} PRIVATE -pie ${SKEP_LINK_HARDENING})
    endif()
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endfunction()

function(skep_test name)
    cmake_parse_arguments(ARG "" "FLOOR;TIMEOUT" "SOURCES;LINK" ${ARGN})
    if(NOT ARG_FLOOR)
        set(ARG_FLOOR unit)
    endif()
    if(NOT ARG_TIMEOUT)
        set(ARG_TIMEOUT 120)
    endif()
    if(TARGET ${name})
        # Two rooms may have a file of the same name.
        get_filename_component(room ${CMAKE_CURRENT_SOURCE_DIR} NAME)
        set(name ${room}_${name})
    endif()
    add_executable(${name} ${ARG_SOURCES})
    skep_compile_options(${name})
    target_link_libraries(${name} PRIVATE ${ARG_LINK} PkgConfig::CMOCKA)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    add_test(NAME ${ARG_FLOOR}/${name} COMMAND ${name})
    set_tests_properties(${ARG_FLOOR}/${name} PROPERTIES LABELS ${ARG_FLOOR} TIMEOUT ${ARG_TIMEOUT}
        SKIP_RETURN_CODE 77 ENVIRONMENT "SKEP_SOURCE=${PROJECT_SOURCE_DIR};SKEP_BUILD=${PROJECT_BINARY_DIR}")
endfunction()

function(skep_fuzz name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
    add_executable(replay_${name} ${ARG_SOURCES} ${PROJECT_SOURCE_DIR}/test/fuzz/replay.c)
    skep_compile_options(replay_${name})
    target_link_libraries(replay_${name} PRIVATE ${ARG_LINK})
    set_target_properties(replay_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    add_test(NAME fuzz/replay_${name} COMMAND replay_${name} ${PROJECT_SOURCE_DIR}/test/fuzz/corpus/${name})
    set_tests_properties(fuzz/replay_${name} PROPERTIES LABELS fuzz TIMEOUT 120)
    if(SKEP_FUZZ)
        add_executable(fuzz_${name} ${ARG_SOURCES})
        skep_compile_options(fuzz_${name})
        target_link_libraries(fuzz_${name} PRIVATE ${ARG_LINK})
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
        set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
    endif()
endfunction()

# Adds a room's folder when it is there, so that rooms can be built alone.
function(skep_folder folder)
    if(EXISTS ${PROJECT_SOURCE_DIR}/${folder}/CMakeLists.txt)
        add_subdirectory(${PROJECT_SOURCE_DIR}/${folder} ${PROJECT_BINARY_DIR}/${folder})
    endif()
endfunction()
