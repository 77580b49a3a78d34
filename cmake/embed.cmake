# cmake -DFILES=a;b -DOUT=x.c -P embed.cmake: the files' bytes as `const struct embedded sim_assets[]`.
set(arrays "")
set(rows "")
set(number 0)
foreach(file IN LISTS FILES)
  get_filename_component(name ${file} NAME)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND arrays "static const unsigned char asset_${number}[] = {${bytes}};\n")
  string(APPEND rows "    {\"${name}\", asset_${number}, sizeof(asset_${number})},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE ${OUT} "#include \"sim/site_html.h\"\n\n${arrays}\nconst struct embedded sim_assets[] = {\n${rows}};\n"
     "const size_t sim_asset_count = ${number};\n")
