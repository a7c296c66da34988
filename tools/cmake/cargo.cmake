# SPDX-License-Identifier: Apache-2.0
# skep_cargo_file(NAME FILE x [CRATE folder] [INPUTS folders…]): ${NAME_file}, built by cargo from this folder
# or the crate's. Dependencies take minutes, so cargo works in a folder that outlives the checkout, below
# ${SKEP_CACHE}/cargo. Its name changes with all that would make cargo build them anew.
# skep_cargo(NAME LIBRARY libskep_x.a INPUTS folders…): the imported static library NAME, made that way.
find_program(CARGO cargo HINTS $ENV{HOME}/.cargo/bin)
find_program(RUSTC rustc HINTS $ENV{HOME}/.cargo/bin)
find_program(FLOCK flock)

function(skep_cargo_file name)
    cmake_parse_arguments(ARG "" "FILE;CRATE" "INPUTS" ${ARGN})
    if(NOT CARGO OR NOT RUSTC OR NOT FLOCK)
        message(FATAL_ERROR "cargo, rustc and flock are needed: run tools/setup")
    endif()
    set(here ${CMAKE_CURRENT_SOURCE_DIR})
    if(ARG_CRATE)
        set(here ${ARG_CRATE})
    endif()
    set(inputs ${here}/Cargo.toml ${here}/Cargo.lock)
    execute_process(COMMAND ${RUSTC} -vV OUTPUT_VARIABLE key COMMAND_ERROR_IS_FATAL ANY)
    foreach(folder ${here} ${ARG_INPUTS})
        file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${folder}/*.rs ${folder}/*.def ${folder}/Cargo.toml)
        list(APPEND inputs ${sources})
    endforeach()
    file(SHA256 ${here}/Cargo.lock digest)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${here}/Cargo.lock)
    string(SHA256 key "${key}${digest}")
    string(SUBSTRING ${key} 0 12 key)
    set(folder ${SKEP_CACHE}/cargo/${name}-${key})
    file(MAKE_DIRECTORY ${folder})

    # Checkouts share the folder: the lock holds until the result is copied out of it.
    set(file ${CMAKE_CURRENT_BINARY_DIR}/${ARG_FILE})
    add_custom_command(OUTPUT ${file}
        COMMAND ${FLOCK} ${folder}/lock sh -c
            "${CARGO} build --release --locked --quiet --manifest-path ${here}/Cargo.toml --target-dir ${folder} && cp ${folder}/release/${ARG_FILE} ${file}"
        DEPENDS ${inputs} COMMENT "cargo: ${name} (${folder})" VERBATIM)
    add_custom_target(${name}_rust DEPENDS ${file})
    set(${name}_file ${file} PARENT_SCOPE)
    set(${name}_cargo_folder ${folder} PARENT_SCOPE)
endfunction()

function(skep_cargo name)
    cmake_parse_arguments(ARG "" "LIBRARY" "INPUTS" ${ARGN})
    skep_cargo_file(${name} FILE ${ARG_LIBRARY} INPUTS ${ARG_INPUTS})
    add_library(${name} STATIC IMPORTED GLOBAL)
    set_target_properties(${name} PROPERTIES IMPORTED_LOCATION ${${name}_file}
        INTERFACE_LINK_LIBRARIES "gcc_s;pthread;dl;m")
    add_dependencies(${name} ${name}_rust)
    set(${name}_cargo_folder ${${name}_cargo_folder} PARENT_SCOPE)
endfunction()
