# SPDX-License-Identifier: Apache-2.0
# bin: what people and containerd call; libexec/skep: what these start.
foreach(program containerd-shim-skep-v2 skep skep-install)
    if(TARGET ${program})
        install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
    endif()
endforeach()
foreach(program skepd skep-images skep-compiler skep-worker)
    if(TARGET ${program})
        install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/skep)
    endif()
endforeach()
# The runtime's name chooses the isolation domain: io.containerd.skep-shared.v2, …-isolated.v2.
foreach(mode shared isolated)
    install(CODE "
        file(MAKE_DIRECTORY \$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR})
        file(CREATE_LINK containerd-shim-skep-v2
            \$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/containerd-shim-skep-${mode}-v2 SYMBOLIC)
        list(APPEND CMAKE_INSTALL_MANIFEST_FILES
            \${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/containerd-shim-skep-${mode}-v2)")
endforeach()
# What layers are made of: components for the pods of a node.
if(TARGET platform_config)
    install(FILES ${SKEP_PLATFORM_COMPONENTS} DESTINATION ${CMAKE_INSTALL_DATADIR}/skep/platform)
endif()
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
