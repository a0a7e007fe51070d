# Writes the files of the page into a C++ source, byte for byte, so that the program serves them without a directory of
# its own. Run as a script: cmake -DOUTPUT=... -DROOTS=dir;dir -DFILES=a;b -P embed.cmake
# Each file is taken from the first of the directories that has it, and served by its name below that.
set(arrays "")
set(table "")
set(number 0)
foreach(file IN LISTS FILES)
  find_file(path "${file}" PATHS ${ROOTS} NO_DEFAULT_PATH NO_CACHE REQUIRED)
  file(READ "${path}" bytes HEX)
  unset(path)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  # Short enough lines for every compiler.
  string(REGEX REPLACE "((0x[0-9a-f][0-9a-f],){32})" "\\1\n" bytes "${bytes}")
  string(APPEND arrays "constexpr unsigned char kFile${number}[] = {\n${bytes}};\n")
  string(APPEND table "    {\"/${file}\", kFile${number}, sizeof kFile${number}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE "${OUTPUT}" "#include \"samples/collector/page/embedded.h\"

namespace whydrop::collector {
namespace {

${arrays}
}  // namespace

const EmbeddedFile kEmbeddedFiles[] = {
${table}};
const size_t kEmbeddedFileCount = ${number};

}  // namespace whydrop::collector
")
