/*
  Rules for files of the starter set, written for this project.
  They know the harmless test file that every anti-virus program knows, and little else:
  real protection comes with the definition sets.
*/

rule EICAR_Test_File
{
    meta:
        family = "EICAR-Test-File"
        description = "The harmless file that anti-virus programs are tested with"
    strings:
        $eicar = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
    condition:
        $eicar at 0
}

rule Mimamori_Test_Macro
{
    meta:
        family = "Mimamori-Test-Macro"
        description = "A macro that does nothing, for tests of this project"
    strings:
        $marker = "MIMAMORI-HARMLESS-MACRO-TEST-7f3c1d"
        $auto = "AutoOpen" nocase
    condition:
        all of them
}
