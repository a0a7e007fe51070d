# What `cmake --install` gives: both libraries, the headers, the CMake package, the pkg-config file, the commands.
